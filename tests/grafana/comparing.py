"""Where the viewer shows something else than Grafana."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from tests.grafana.drawing import Shown
from tests.grafana.facts import Facts
from tests.grafana.facts_of_grafana import of_grafana
from tests.grafana.facts_of_viewer import of_viewer
from tests.grafana.viewing import Viewed

PRECISION: Final = 1e-5
"""The viewer sends six digits of each number of a graph."""


def differences(grafana: Shown, viewer: Viewed, *, one_service: bool) -> Iterator[str]:
    """Panel by panel, what is not the same; cells of heatmaps only of one service."""
    assert {panel["id"] for panel in grafana.panels} == {*viewer.panels}
    for panel in grafana.panels:
        if one_service or panel["type"] != "heatmap":
            for what in _of_panel(panel, viewer.panels[panel["id"]]):
                yield f"{panel['title']} / {what}"
    for one in grafana.variables:
        found = viewer.variables[one["name"]]
        if one["options"] != [*found]:
            yield f"variable {one['name']}: Grafana {one['options']}, viewer {found}"


def _of_panel(panel: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[str]:
    one, other = of_grafana(panel), of_viewer(content)
    for name in one | other:
        if not _same(one.get(name), other.get(name)):
            yield f"{name}: Grafana {_but(one, other, name)}, viewer {_but(other, one, name)}"


def _but(one: Facts, other: Facts, name: str) -> str:
    """A fact, or of a list what only one of both has; no more than can be read."""
    found, there = one.get(name), other.get(name)
    if isinstance(found, list) and isinstance(there, list):
        found = [each for each in found if not any(_same(each, an) for an in there)] or found
    return str(found)[:500]


def _same(one: object, other: object) -> bool:
    if _is_numbers(one) and _is_numbers(other):
        return bool(one == pytest.approx(other, rel=PRECISION, abs=1e-12))
    return one == other


def _is_numbers(found: object) -> bool:
    return isinstance(found, float) or (isinstance(found, list) and all(map(_is_numbers, found)))
