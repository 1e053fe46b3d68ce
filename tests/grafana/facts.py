"""The facts about a panel that Grafana and the viewer have in common.

What differs on purpose is no fact, and is listed in docs/viewer.md.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sidelight.embedded.viewer.fields import PALETTE

Facts = dict[str, Any]
Target = tuple[str, list[tuple[str, str]]]
Cell = tuple[str, str, Target]
"""A text, its colour, and where its link leads."""
Line = tuple[str, str, str, Sequence[float]]
"""A name, the text of the last value, a colour that is fixed, and all values."""


def plain(text: str) -> str:
    """A text without decimals that are zeros: Grafana has them where an addition is not exact."""
    return re.sub(r"\.0+(?![0-9])", "", text)


def tile(values: Iterable[Cell]) -> Facts:
    """Texts of a tile, or bars."""
    return {"values": [(plain(text), *rest) for text, *rest in values]}


def table(names: Sequence[str], rows: Iterable[Sequence[Cell]], order: Sequence[str]) -> Facts:
    """A table, and the texts of the column that it is sorted by, since rows can be alike there."""
    plainly = [[(plain(text), *rest) for text, *rest in row] for row in rows]
    return {"columns": list(names), "rows": sorted(plainly), "order": list(map(plain, order))}


def lines(found: Iterable[Line], exemplars: int) -> Facts:
    """A graph; a colour that the viewer gives to lines without one is no fact."""
    each = sorted(found)
    return {
        "exemplars": exemplars,
        "lines": [
            (name, plain(last), "" if colour in PALETTE else colour, len(values))
            for name, last, colour, values in each
        ],
        "numbers": [float(value) for *_, values in each for value in values],
    }


def cells(rows: Sequence[Sequence[float]], exemplars: int) -> Facts:
    """A heatmap: of each bucket, from the lowest, the cells that are drawn."""
    return {
        "exemplars": exemplars,
        "cells": list(map(len, rows)),
        "numbers": [float(value) for value in chain.from_iterable(rows)],
    }


def target(link: str) -> Target:
    """Where a link leads, and with which values; a runbook is on a page of the viewer."""
    runbook = re.fullmatch(r"https?://.*/runbooks/(\w+)\.md", link)
    parts = urlsplit(f"/alerts?open={runbook[1]}" if runbook else link)
    given = parse_qsl(parts.query, keep_blank_values=True)
    return parts.path, sorted(
        pair for pair in given if pair[0] not in {"from", "to", "timezone", "var-datasource"}
    )
