"""``python -m benchmarks.objectives [--write]``: the figures of ``docs/slo.md``."""

from __future__ import annotations

import argparse

from benchmarks.objectives.document import DOCUMENT, filled
from benchmarks.objectives.table import months, tables


def main() -> None:
    """Simulate the months, and print their tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.objectives", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"renew the tables of {DOCUMENT.name}")
    options = parser.parse_args()
    found = tables(list(months()))
    for name, text in found.items():
        print(f"{name}\n\n{text}")
    if options.write:
        DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), found), encoding="utf-8")


if __name__ == "__main__":
    main()
