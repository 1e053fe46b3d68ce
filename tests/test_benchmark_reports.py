"""A benchmark's report says what it is about, and how it is repeated."""

from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.report import PEERS, Section, written

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"


def printed(titles: list[str], parts: list[str]) -> list[str]:
    """The lines before those about the machine, as a run prints them."""
    sections = [Section(title, "text") for title in titles]
    return written(sections, parts, quick=False).splitlines()[:4]


@pytest.mark.parametrize("part", ["arrivals", "dashboards", "fleet"])
def test_the_report_of_one_part_has_its_title(part: str) -> None:
    """It begins with the title of its part, and with the command that measures that part."""
    title = import_module(f"benchmarks.{part}.report")._TITLE
    begin = (BENCHMARKS / part / "RESULTS.md").read_text().splitlines()[:4]
    assert begin == printed([title], [part])
    assert begin[1] == f"# {title}" != f"# {PEERS}"
    assert f"`python -m benchmarks {part}`" in begin[3]


def test_the_full_report_compares_peers() -> None:
    """The report of all parts is a comparison with peers, and one command repeats it."""
    begin = (BENCHMARKS / "RESULTS.md").read_text().splitlines()[:4]
    assert begin == printed(["CPU", "Memory"], [])
    assert begin[1] == f"# {PEERS}"
