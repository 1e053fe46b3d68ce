"""Graphs, heatmaps and what is marked on them, as ECharts' options."""

import math
from typing import Any

import pytest

from sidelight.embedded.viewer import heatmap, timeseries
from sidelight.embedded.viewer.board import Annotation
from sidelight.embedded.viewer.fields import field
from sidelight.embedded.viewer.marks import Mark, marks, spans
from sidelight.embedded.viewer.prometheus import Exemplar
from sidelight.embedded.viewer.ticks import Axis, axis
from sidelight.embedded.viewer.times import Range
from tests.embedded.viewer.made import answer, made_panel, override, series, target

ASKED = Range(1000, 1060)
LIMIT = {
    "matcher": {"id": "byRegexp", "options": "^Limit.*"},
    "properties": [
        {"id": "color", "value": {"mode": "fixed", "fixedColor": "#d1413a"}},
        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}},
        {"id": "custom.fillOpacity", "value": 0},
        {"id": "custom.stacking", "value": {"mode": "none", "group": "A"}},
    ],
}


def graph(*targets: dict[str, Any], **defaults: Any) -> Any:
    custom = {"lineWidth": 1, "fillOpacity": 8, "spanNulls": False, **defaults.pop("custom", {})}
    return made_panel(
        "timeseries",
        targets=list(targets),
        fieldConfig={
            "defaults": {"min": 0, **defaults, "custom": custom},
            "overrides": [override("p99", color={"mode": "fixed", "fixedColor": "#264f86"}), LIMIT],
        },
    )


def option(panel: Any, *answers: Any, **more: Any) -> dict[str, Any]:
    found = timeseries.option(panel, [(one, 15.0) for one in answers], ASKED, **more)
    assert found is not None
    return found


def test_series_share_their_times() -> None:
    """Every number is sent once: a list of times, and a list of values a series."""
    found = option(
        graph(target(legend="{{job}}"), unit="reqps"),
        answer(
            series({"job": "a"}, (1000, 1), (1015, 2.3456789), (1030, 3)),
            series({"job": "b"}, (1015, 5), (1030, math.nan)),
        ),
    )
    assert found["dataset"] == [
        {
            "source": {
                "t": [1_000_000, 1_015_000, 1_030_000],
                "s0": [1, 2.34568, 3],
                "s1": [None, 5, None],
            }
        }
    ]
    assert [(one["name"], one["encode"]) for one in found["series"]] == [
        ("a", {"x": "t", "y": "s0"}),
        ("b", {"x": "t", "y": "s1"}),
    ]
    assert found["xAxis"] == {"type": "time", "min": 1_000_000, "max": 1_060_000}
    assert found["yAxis"] == {"type": "value", "min": 0, "max": 6, "interval": 2}
    assert [(one["name"], one["last"]) for one in found["legend"]] == [
        ("a", "3 req/s"),
        ("b", "5 req/s"),
    ]


def test_a_gap_breaks_the_line() -> None:
    """Where a step has no point, a time without values is put, so that nothing is drawn across."""
    found = option(graph(target()), answer(series({}, (1000, 1), (1015, 1), (1060, 2))))
    assert found["dataset"][0]["source"] == {
        "t": [1_000_000, 1_015_000, 1_030_000, 1_060_000],
        "s0": [1, 1, None, 2],
    }


def test_queries_of_other_steps_break_no_line() -> None:
    """A series every minute beside one every 15 s has times of its own."""
    panel = graph(target("A", "slow"), target("B", "quick"))
    slow = answer(series({}, (960, 1), (1020, 2)))
    quick = answer(series({}, (1000, 1), (1015, 2)))
    found = timeseries.option(panel, [(slow, 60.0), (quick, 15.0)], ASKED)
    assert found is not None
    assert [one["source"]["t"] for one in found["dataset"]] == [
        [960_000, 1_020_000],
        [1_000_000, 1_015_000],
    ]
    assert [one["datasetIndex"] for one in found["series"]] == [0, 1]


def test_overrides_make_limits_dashed_and_colour_by_name() -> None:
    """A series called Limit is a dashed red line without an area; p99 has its own colour."""
    found = option(
        graph(target("A", "p99"), target("B", "Limit: slow"), target("C", "other")),
        *(answer(series({}, (1000, 1), (1015, 1), (1030, 1))) for _ in range(3)),
    )
    p99, limit, other = found["series"]
    assert (p99["color"], p99["areaStyle"], p99["lineStyle"]) == (
        "#264f86",
        {"opacity": 0.08},
        {"width": 1.25},
    )
    assert (limit["color"], limit["areaStyle"]) == ("#d1413a", {"opacity": 0})
    assert limit["lineStyle"] == {"width": 1.25, "type": [8, 8]}
    assert other["color"] == "#4f8ac9"
    assert [one["dashed"] for one in found["legend"]] == [False, True, False]


def test_parts_of_a_whole_are_stacked() -> None:
    """Stacked series stand on each other, their limit doesn't, and the axis holds their sum."""
    stacked = {"stacking": {"mode": "normal", "group": "A"}}
    found = option(
        graph(target("A", "{{x}}"), target("B", "Limit"), custom=stacked),
        answer(series({"x": "a"}, (1000, 3)), series({"x": "b"}, (1000, 4))),
        answer(series({}, (1000, 5))),
    )
    assert [one.get("stack") for one in found["series"]] == ["15", "15", None]
    assert found["yAxis"]["max"] == 8


def test_a_point_alone_is_shown() -> None:
    """A value with none beside it would be a line of no length: it gets a point."""
    many = [(1000 + 15 * n, 1) for n in range(40)]
    lonely = [*many[:20], *((t, math.nan) for t, _ in many[20:30]), (1450, 2), (1465, math.nan)]
    found = option(graph(target()), answer(series({"a": "1"}, *many), series({"a": "2"}, *lonely)))
    assert [one["showSymbol"] for one in found["series"]] == [False, True]


def test_no_value_is_no_graph() -> None:
    """Nothing, or only NaN, is nothing to draw."""
    assert timeseries.option(graph(target()), [(answer(), 15.0)], ASKED) is None
    nothing = answer(series({}, (1000, math.nan)))
    assert timeseries.option(graph(target()), [(nothing, 15.0)], ASKED) is None


def test_traces_are_points() -> None:
    """Exemplars are points with their labels; of too many the largest are kept."""
    traces = [Exemplar(1000 + n / 100, n, {"trace_id": str(n)}) for n in range(200)]
    found = option(graph(target()), answer(series({}, (1000, 1))), traces=traces)
    (points,) = (one for one in found["series"] if one["type"] == "scatter")
    assert len(points["data"]) == timeseries.MOST_TRACES
    assert points["data"][0] == {"value": [1_001_990, 199], "labels": {"trace_id": "199"}}


def test_without_a_legend_labels_are_the_name() -> None:
    """A series without a legend is called as Prometheus writes it."""
    found = option(graph(target()), answer(series({"__name__": "up", "job": "a"}, (1000, 1))))
    assert found["legend"][0]["name"] == 'up{job="a"}'


@pytest.mark.parametrize(
    ("seen", "unit", "least", "most", "expected"),
    [
        ((0, 0), "short", 0, None, Axis(0, 1, 0.25)),
        ((0, 15.7), "reqps", 0, None, Axis(0, 20, 5)),
        ((0.46, 0.56), "percentunit", None, None, Axis(0.45, 0.575, 0.025)),
        ((0, 100), "percent", 0, 100, Axis(0, 100, 25)),
        ((0, 500), "s", 0, None, Axis(0, 600, 300)),
        ((0, 133e6), "bytes", 0, None, Axis(0, 2**27, 2**25)),
        ((-3, 3), "short", None, None, Axis(-4, 4, 2)),
        ((5, 5), "short", None, None, Axis(4, 10, 2)),
    ],
)
def test_axes(
    seen: tuple[float, float], unit: str, least: float | None, most: float | None, expected: Axis
) -> None:
    """Ends and lines are round in the steps of the unit: minutes, powers of two, tens."""
    assert axis(seen, unit, least, most) == expected


def heat(**options: Any) -> Any:
    base = {"yAxis": {"unit": "s"}, "cellValues": {"unit": "reqps"}, "color": {"steps": 3}}
    return made_panel("heatmap", options={**base, "filterValues": {"le": 1e-9}, **options})


BUCKETS = answer(
    series({"le": "+Inf"}, (1000, 7), (1015, 4)),
    series({"le": "0.1"}, (1000, 2), (1015, 4)),
    series({"le": "0.5"}, (1000, 6), (1015, 4)),
)


def test_buckets_are_taken_apart() -> None:
    """What is in a bucket alone is its count without that of the one below it."""
    edges, cells = heatmap.buckets(BUCKETS)
    assert edges == [0.1, 0.5, math.inf]
    assert cells == {
        (1000, 0): 2, (1000, 1): 4, (1000, 2): 1, (1015, 0): 4, (1015, 1): 0, (1015, 2): 0,
    }  # fmt: skip


def test_a_count_that_falls_is_no_negative_one() -> None:
    """Buckets scraped at different moments may contradict: there is no cell below zero."""
    _, cells = heatmap.buckets(answer(series({"le": "1"}, (0, 5)), series({"le": "2"}, (0, 4))))
    assert cells == {(0, 0): 5, (0, 1): 0}


def test_a_heatmap() -> None:
    """Cells with their shade by how many; empty ones are left out; edges are the axis."""
    found = heatmap.option(heat(), BUCKETS, 15, ASKED)
    assert found is not None
    assert found["series"][0]["data"] == [
        [1_000_000, 0, 1, 2],
        [1_000_000, 1, 2, 4],
        [1_000_000, 2, 0, 1],
        [1_015_000, 0, 2, 4],
    ]
    assert found["heat"]["edges"] == ["100 ms", "500 ms", "∞"]
    assert (found["heat"]["low"], found["heat"]["high"]) == ("1 req/s", "4 req/s")
    assert len(found["heat"]["shades"]) == len(found["heat"]["night"]) == 3
    assert found["yAxis"] == {"type": "value", "min": 0, "max": 3, "interval": 1}


def test_nothing_in_any_bucket_is_no_heatmap() -> None:
    """Zeros are nothing to draw."""
    assert heatmap.option(heat(), answer(series({"le": "+Inf"}, (0, 0))), 15, ASKED) is None


def test_traces_are_in_their_buckets_row() -> None:
    """A trace is as far up its bucket as its value is; past all edges it is in the middle."""
    traces = [Exemplar(1000, 0.3, {"trace_id": "a"}), Exemplar(1001, 9.0, {})]
    found = heatmap.option(heat(), BUCKETS, 15, ASKED, traces)
    assert found is not None
    assert [one["value"] for one in found["series"][1]["data"]] == [
        [1_001_000, 2.5, 9.0],
        [1_000_000, pytest.approx(1.5), 0.3],
    ]


ALERTS = Annotation("Alerts", "x", "{{job}}: {{alertname}}", "#d1413a", 60)


def test_spans_of_an_annotation() -> None:
    """Points a step apart are one span; a pause begins another; zero is no point."""
    found = answer(
        series(
            {"job": "shop", "alertname": "Slow"},
            (0, 1), (60, 1), (120, 0), (180, 1), (240, 1), (300, 1), (600, 1),
        )
    )  # fmt: skip
    text, colour = "shop: Slow", "#d1413a"
    assert spans(ALERTS, found) == [
        Mark(0, 60_000, "Alerts", text, colour),
        Mark(180_000, 300_000, "Alerts", text, colour),
        Mark(600_000, 600_000, "Alerts", text, colour),
    ]


def test_marks_are_lines_and_areas() -> None:
    """Each span has a line where it begins, and an area where it lasts."""
    (found,) = marks([Mark(1, 5, "Alerts", "x", "#111111"), Mark(7, 7, "Deploys", "y", "#222222")])
    assert found["markLine"]["data"] == [
        {"xAxis": 1, "lineStyle": {"color": "#111111"}},
        {"xAxis": 7, "lineStyle": {"color": "#222222"}},
    ]
    assert found["markArea"]["data"] == [
        [{"xAxis": 1, "itemStyle": {"color": "#111111"}}, {"xAxis": 5}]
    ]
    assert marks([]) == []


def test_thresholds() -> None:
    """A value has the colour of the last step it has reached; Grafana's names are our colours."""
    steps = [
        {"value": None, "color": "green"},
        {"value": 1, "color": "#e5a72e"},
        {"value": 2, "color": "red"},
    ]
    found = field(
        made_panel("stat", fieldConfig={"defaults": {"thresholds": {"steps": steps}}}), "x"
    )
    assert [found.verdict(value) for value in (-1, 1, 1.5, 2)] == [
        "#4a9d5b",
        "#e5a72e",
        "#e5a72e",
        "#d1413a",
    ]
