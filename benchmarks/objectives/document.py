"""``docs/slo.md``, whose tables are between comments that name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "slo.md"


def filled(page: str, tables: Mapping[str, str]) -> str:
    """Replace each table between its comments."""
    for name, text in tables.items():
        head, _, tail = _parts(page, name)
        page = f"{head}\n{text}{tail}"
    return page


def table_of(page: str, name: str) -> list[str]:
    """The lines between the comments of one table."""
    return _parts(page, name)[1].strip().splitlines()


def _parts(page: str, name: str) -> tuple[str, str, str]:
    found = re.fullmatch(rf"(.*<!-- {name}:[^>]*-->\n)(.*?)(<!-- end -->.*)", page, re.DOTALL)
    if found is None:
        raise ValueError(f"the page has no table {name!r}")
    return found[1], found[2], found[3]
