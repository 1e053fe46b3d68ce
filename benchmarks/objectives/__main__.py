"""``python -m benchmarks.objectives [--write]``: the figures of ``docs/slo.md``."""

from __future__ import annotations

import argparse

from benchmarks.objectives.page import PAGE, filled
from benchmarks.objectives.table import months, tables


def main() -> None:
    """Simulate, compute, print."""
    parser = argparse.ArgumentParser(prog="benchmarks.objectives", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"renew the tables of {PAGE.name}")
    options = parser.parse_args()
    found = tables(list(months()))
    for name, text in found.items():
        print(f"{name}\n\n{text}")
    if options.write:
        PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
