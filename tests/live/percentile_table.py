"""The table of `docs/histograms.md`: exact percentiles, and those of both histograms."""

from pathlib import Path

from tests.live.shape_job import Job
from tests.live.shapes import SHAPES, percentile

ROOT = Path(__file__).parents[2]
PERCENTILES = (0.5, 0.95, 0.99)
TABLE = [
    line
    for line in (ROOT / "docs/histograms.md").read_text().splitlines()
    if line.startswith(tuple(f"| {name} | p" for name in SHAPES))
]
"""The lines of the document about percentiles."""


def rows(job: Job) -> list[str]:
    """The lines of the document: each percentile as it is, and as both histograms have it."""
    classic, native = ({q: found(q) for q in PERCENTILES} for found in (job.classic, job.native))
    return [
        f"| {name} | p{q * 100:.0f} | {shown(percentile(name, q))} "
        f"| {against(classic[q][name], percentile(name, q))} "
        f"| {against(native[q][name], percentile(name, q))} |"
        for name in SHAPES
        for q in PERCENTILES
    ]


def shown(seconds: float) -> str:
    """Three digits."""
    return f"{seconds:.3g} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def against(seconds: float, exact: float) -> str:
    """With what it is wrong by."""
    return f"{shown(seconds)} ({100 * (seconds / exact - 1):+.1f} %)"
