"""The report in Markdown: figures, machine and versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "sidelight",
    "fastapi",
    "starlette",
    "uvicorn",
    "uvloop",
    "httptools",
    "prometheus-fastapi-instrumentator",
    "starlette_exporter",
    "opentelemetry-instrumentation-fastapi",
    "opentelemetry-sdk",
    "prometheus-client",
)


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its limit."""

    name: str
    value: float
    limit: float
    at_least: bool = False
    digits: int = 2

    @property
    def met(self) -> bool:
        """Whether the figure is within its limit."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def row(self) -> list[str]:
        """As a row of the table of targets."""
        word = "at least" if self.at_least else "at most"
        return [
            self.name,
            f"{word} {self.limit:g}",
            f"{self.value:,.{self.digits}f}",
            "yes" if self.met else "**no**",
        ]


@dataclass(slots=True)
class Section:
    """One part of the report."""

    title: str
    text: str
    targets: list[Target] = field(default_factory=list)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; every column after the first is aligned right."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *rows))


def written(sections: Sequence[Section], parts: Sequence[str], *, quick: bool) -> str:
    """The complete report of the parts that were named; of a single one, with its own title."""
    alone = len(sections) == 1
    text = [head(sections[0].title if alone else PEERS, parts), f"{_machine()}\n"]
    if quick:
        text.append("**A smoke test: its figures mean nothing.**\n")
    targets = [target.row() for section in sections for target in section.targets]
    if targets:
        text.append(f"## Targets\n\n{table(['target', 'limit', 'measured', 'met'], targets)}")
    text += [f"## {'Results' if alone else one.title}\n\n{one.text}" for one in sections]
    text.append(f"## Versions\n\n{_versions()}")
    return "\n".join(text)


def head(title: str, parts: Sequence[str]) -> str:
    """The first lines of a report, with the command that repeats it."""
    return _HEAD.format(title=title, command=" ".join(("python -m benchmarks", *parts)))


def _machine() -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    busy = ", ".join(f"{load:.2f}" for load in os.getloadavg())
    return (
        f"{now}; {os.cpu_count()} cores, {_cpu_model()}; {platform.system()} {platform.release()}; "
        f"load average at the end {busy}."
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _versions() -> str:
    rows = [["python", platform.python_version()]]
    rows += [[name, _version(name)] for name in PACKAGES]
    return table(["package", "version"], rows)


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "from the source tree"


PEERS = "Sidelight compared with its peers"
_HEAD = """\
<!-- Written by `python -m benchmarks`; do not edit. -->
# {title}

Medians, with the quartiles in brackets. `{command}` repeats all measurements.
"""
