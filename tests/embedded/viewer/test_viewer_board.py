"""Dashboards as they are shipped, read; and what of others is named as not drawn."""

from pathlib import Path

import pytest

from sidelight.embedded.viewer.board import load
from sidelight.errors import SidelightError
from sidelight.packaged import dashboards as found
from tests.embedded.viewer.made import made_board, made_panel, override, panel_json


@pytest.mark.parametrize("path", found(), ids=lambda path: path.stem)
def test_all_of_the_shipped_dashboards_is_drawn(path: Path) -> None:
    """No panel of ours has anything that this viewer doesn't draw."""
    board = load(path)
    assert {text for panel in board.panels for text in panel.remarks} == set()
    assert board.uid == path.stem
    assert len(list(board.panels)) >= 7


def test_sections_follow_the_rows() -> None:
    """Panels before the first row are a section without a title; a row's are below its title."""
    row = {"id": 9, "type": "row", "title": "More", "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1}}
    below = panel_json("stat", id=2, gridPos={"x": 0, "y": 9, "w": 24, "h": 4})
    board = made_board(row, below, panel_json("table"))
    titles = [(one.title, [panel.type for panel in one.panels]) for one in board.sections]
    assert titles == [("", ["table"]), ("More", ["stat"])]


def test_a_folded_row_holds_its_panels() -> None:
    """Grafana keeps the panels of a folded row inside it; they are there, folded."""
    place = {"x": 0, "y": 0, "w": 24, "h": 1}
    row = {"id": 9, "type": "row", "title": "More", "collapsed": True, "gridPos": place}
    board = made_board({**row, "panels": [panel_json("text")]})
    assert [(one.collapsed, len(one.panels)) for one in board.sections] == [(True, 1)]


def test_bands_are_panels_side_by_side() -> None:
    """A panel that begins below all before it begins a band; one beside a tall one doesn't."""
    tall = panel_json("stat", id=1, gridPos={"x": 0, "y": 0, "w": 12, "h": 8})
    beside = panel_json("stat", id=2, gridPos={"x": 12, "y": 4, "w": 12, "h": 4})
    below = panel_json("stat", id=3, gridPos={"x": 0, "y": 8, "w": 24, "h": 4})
    (section,) = made_board(tall, beside, below).sections
    assert [[panel.id for panel in band] for band in section.bands] == [[1, 2], [3]]


def test_a_strange_panel_type_is_named() -> None:
    """A type that this viewer doesn't know is said by its name."""
    assert made_panel("piechart").remarks == ("panels of type 'piechart'",)


@pytest.mark.parametrize(
    ("more", "remark"),
    [
        ({"options": {"legend": {"displayMode": "table"}}}, "options.legend.displayMode 'table'"),
        ({"options": {"zoom": 1}}, "options.zoom"),
        (
            {"fieldConfig": {"defaults": {"custom": {"drawStyle": "bars"}}}},
            "fieldConfig.defaults.custom.drawStyle 'bars'",
        ),
        (
            {"fieldConfig": {"overrides": [override("x", custom__axisPlacement="right")]}},
            "custom.axisPlacement",
        ),
        (
            {"fieldConfig": {"overrides": [{"matcher": {"id": "byType"}, "properties": []}]}},
            "override by 'byType'",
        ),
        ({"transformations": [{"id": "groupBy"}]}, "transformation 'groupBy'"),
        ({"targets": [{"expr": "up", "format": "logs"}]}, "query format 'logs'"),
        ({"repeat": "job"}, "repeat"),
    ],
)
def test_a_strange_option_is_named(more: dict[str, object], remark: str) -> None:
    """What is not drawn as Grafana draws it is named by its path and, where known, its value."""
    assert made_panel("timeseries", **more).remarks == (remark,)


def test_what_is_no_dashboard_says_so(tmp_path: Path) -> None:
    """A file that holds something else is an error that names it."""
    path = tmp_path / "sidelight-x.json"
    path.write_text('{"uid": "x"}')
    with pytest.raises(SidelightError, match=r"sidelight-x\.json: no dashboard .*'title'"):
        load(path)
