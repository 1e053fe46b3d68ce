"""``python -m benchmarks [part …]``; `PARTS` are the parts."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import busy, cpu, memory, report, scale, scrape, waited, waits, wire
from benchmarks.arrivals import report as arrivals
from benchmarks.contenders import CONTENDERS
from benchmarks.dashboards import report as dashboards
from benchmarks.fleet import report as fleet
from benchmarks.report import Section
from benchmarks.services import SERVICES

RESULTS = Path(__file__).with_name("RESULTS.md")


def _cpu(options: argparse.Namespace) -> Section:
    rounds = options.rounds or (50 if options.quick else 3000)
    return cpu.run(rounds=rounds, names=options.only, services=options.services)


def _waited(options: argparse.Namespace) -> Section:
    return waited.run(rounds=options.rounds or (50 if options.quick else 3000))


def _wire(options: argparse.Namespace) -> Section:
    rounds = options.rounds or (2 if options.quick else 12)
    return wire.run(rounds=rounds, names=options.only, quick=options.quick)


PARTS: dict[str, Callable[[argparse.Namespace], Section]] = {
    "cpu": _cpu,
    "waited": _waited,
    "wire": _wire,
    "scrape": lambda options: scrape.run(quick=options.quick),
    "scale": lambda options: scale.run(quick=options.quick),
    "memory": lambda options: memory.run(quick=options.quick),
    "arrivals": lambda options: arrivals.run(quick=options.quick),
    "busy": lambda options: busy.run(quick=options.quick),
    "waits": lambda options: waits.run(quick=options.quick),
    "dashboards": lambda options: dashboards.run(quick=options.quick),
    "fleet": lambda options: fleet.run(quick=options.quick),
}
BY_NAME = {"arrivals", "busy", "dashboards", "fleet"}
"""Parts that run only if they are named: each has a report of its own."""


def _names(known: dict[str, object]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}")
        return names

    return parse


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=_ABOUT)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="a smoke test")
    parser.add_argument("--rounds", type=int, help="of cpu and wire")
    parser.add_argument("--only", type=_names({**CONTENDERS}), default=list(CONTENDERS))
    parser.add_argument("--services", type=_names({**SERVICES}), default=["one", "many", "shared"])
    parser.add_argument("--output", type=Path, help=f"default of a full run: {RESULTS.name}")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    if "bare" not in options.only:
        options.only.insert(0, "bare")  # every ratio is relative to the bare service
    return options


def main() -> None:
    """Run the parts, print the report, and write it to the file if the run was complete."""
    options = _options()
    sections = []
    for name in options.parts or [name for name in PARTS if name not in BY_NAME]:
        print(f"{name} …", file=sys.stderr, flush=True)
        sections.append(PARTS[name](options))
    text = report.written(sections, options.parts, quick=options.quick)
    print(text)
    full = not (options.parts or options.quick or options.rounds) and set(options.only) == set(
        CONTENDERS
    )
    if output := options.output or (RESULTS if full else None):
        output.write_text(text, encoding="utf-8")


_ABOUT = (
    "Compares Sidelight with its peers. A full run takes about ten minutes and writes RESULTS.md."
)

if __name__ == "__main__":
    main()
