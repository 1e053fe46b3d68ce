"""The packaged dashboards are read, and unsupported options of others are named."""

from pathlib import Path

import pytest

from sidelight.embedded.viewer.dashboard import load
from sidelight.errors import SidelightError
from sidelight.packaged import dashboards
from tests.embedded.viewer.builders import make_dashboard, make_panel, override, panel_json


@pytest.mark.parametrize("path", dashboards(), ids=lambda path: path.stem)
def test_the_packaged_dashboards_are_supported(path: Path) -> None:
    """The viewer draws everything in the packaged dashboards."""
    dashboard = load(path)
    assert {text for panel in dashboard.panels for text in panel.unsupported} == set()
    assert dashboard.uid == path.stem
    assert len(list(dashboard.panels)) >= 7


def test_panels_belong_to_rows() -> None:
    """Panels before the first row have no title; the others have the title of their row."""
    row = {"id": 9, "type": "row", "title": "More", "gridPos": {"x": 0, "y": 8, "w": 24, "h": 1}}
    below = panel_json("stat", id=2, gridPos={"x": 0, "y": 9, "w": 24, "h": 4})
    dashboard = make_dashboard(row, below, panel_json("table"))
    titles = [(one.title, [panel.type for panel in one.panels]) for one in dashboard.rows]
    assert titles == [("", ["table"]), ("More", ["stat"])]


def test_a_collapsed_row_contains_its_panels() -> None:
    """Grafana writes the panels of a collapsed row inside the row."""
    place = {"x": 0, "y": 0, "w": 24, "h": 1}
    row = {"id": 9, "type": "row", "title": "More", "collapsed": True, "gridPos": place}
    dashboard = make_dashboard({**row, "panels": [panel_json("text")]})
    assert [(one.collapsed, len(one.panels)) for one in dashboard.rows] == [(True, 1)]


def test_logs_are_left_out() -> None:
    """Logs are in no Prometheus: no panel of them is shown, nor a row that has nothing else."""
    place = {"x": 0, "y": 9, "w": 24, "h": 1}
    row = {"id": 9, "type": "row", "title": "Logs", "collapsed": True, "gridPos": place}
    dashboard = make_dashboard(
        panel_json("stat"), panel_json("logs"), {**row, "panels": [panel_json("logs")]}
    )
    assert [[panel.type for panel in one.panels] for one in dashboard.rows] == [["stat"]]


def test_panels_side_by_side_are_one_group() -> None:
    """A panel begins a group only if it is below all panels before it."""
    tall = panel_json("stat", id=1, gridPos={"x": 0, "y": 0, "w": 12, "h": 8})
    beside = panel_json("stat", id=2, gridPos={"x": 12, "y": 4, "w": 12, "h": 4})
    below = panel_json("stat", id=3, gridPos={"x": 0, "y": 8, "w": 24, "h": 4})
    (row,) = make_dashboard(tall, beside, below).rows
    assert [[panel.id for panel in group] for group in row.groups] == [[1, 2], [3]]


def test_an_unsupported_panel_type_is_named() -> None:
    """An unsupported type of panel is named."""
    assert make_panel("piechart").unsupported == ("panels of type 'piechart'",)


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
def test_an_unsupported_option_is_named(more: dict[str, object], remark: str) -> None:
    """An unsupported option is named by its path, and an unsupported value with its path."""
    assert make_panel("timeseries", **more).unsupported == (remark,)


def test_an_invalid_file_is_refused(tmp_path: Path) -> None:
    """The error names a file that is not a dashboard, and the missing key."""
    path = tmp_path / "sidelight-x.json"
    path.write_text('{"uid": "x"}')
    with pytest.raises(SidelightError, match=r"sidelight-x\.json: not a dashboard .*'title'"):
        load(path)
