"""Graphs, heatmaps and annotations as ECharts' options."""

import math
from typing import Any

import pytest

from sidelight.embedded.viewer import heatmap, timeseries
from sidelight.embedded.viewer.dashboard import AnnotationQuery
from sidelight.embedded.viewer.fields import field_config
from sidelight.embedded.viewer.query_result import TraceExemplar
from sidelight.embedded.viewer.time_range import TimeRange
from sidelight.embedded.viewer.timeseries import Annotation, annotation_series, annotations
from sidelight.embedded.viewer.units import Axis, axis
from tests.embedded.viewer.builders import make_panel, override, query, result, series

PERIOD = TimeRange(1000, 1060)
LIMIT = {
    "matcher": {"id": "byRegexp", "options": "^Limit.*"},
    "properties": [
        {"id": "color", "value": {"mode": "fixed", "fixedColor": "#d1413a"}},
        {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 8]}},
        {"id": "custom.fillOpacity", "value": 0},
        {"id": "custom.stacking", "value": {"mode": "none", "group": "A"}},
    ],
}


def graph(*queries: dict[str, Any], **defaults: Any) -> Any:
    custom = {"lineWidth": 1, "fillOpacity": 8, "spanNulls": False, **defaults.pop("custom", {})}
    return make_panel(
        "timeseries",
        targets=list(queries),
        fieldConfig={
            "defaults": {"min": 0, **defaults, "custom": custom},
            "overrides": [override("p99", color={"mode": "fixed", "fixedColor": "#264f86"}), LIMIT],
        },
    )


def option(panel: Any, *results: Any, **more: Any) -> dict[str, Any]:
    found = timeseries.option(panel, [(one, 15.0) for one in results], PERIOD, **more)
    assert found is not None
    return found


def test_series_share_their_times() -> None:
    """Each number is sent once: a list of times, and a list of values for each series."""
    found = option(
        graph(query(legend="{{job}}"), unit="reqps"),
        result(
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


def test_the_last_value_is_written_as_it_was_sent() -> None:
    """A value that has six digits on a graph is rounded once in the legend, as in Grafana."""
    sent = result(series({"job": "a"}, (1000, -26.634996)))
    found = option(graph(query(legend="{{job}}"), unit="percentunit"), sent)
    assert found["dataset"][0]["source"]["s0"] == [-26.635]
    assert found["legend"][0]["last"] == "-2663%"


def test_a_gap_interrupts_the_line() -> None:
    """A time without values is inserted where a point is missing, so that the line ends."""
    found = option(graph(query()), result(series({}, (1000, 1), (1015, 1), (1060, 2))))
    assert found["dataset"][0]["source"] == {
        "t": [1_000_000, 1_015_000, 1_030_000, 1_060_000],
        "s0": [1, 1, None, 2],
    }


def test_another_step_does_not_interrupt_a_line() -> None:
    """Series with different steps have separate lists of times."""
    panel = graph(query("A", "slow"), query("B", "quick"))
    slow = result(series({}, (960, 1), (1020, 2)))
    quick = result(series({}, (1000, 1), (1015, 2)))
    found = timeseries.option(panel, [(slow, 60.0), (quick, 15.0)], PERIOD)
    assert found is not None
    assert [one["source"]["t"] for one in found["dataset"]] == [
        [960_000, 1_020_000],
        [1_000_000, 1_015_000],
    ]
    assert [one["datasetIndex"] for one in found["series"]] == [0, 1]


def test_overrides_set_dashes_and_colors() -> None:
    """A series named Limit is a dashed red line without an area; p99 has a fixed color."""
    found = option(
        graph(query("A", "p99"), query("B", "Limit: slow"), query("C", "other")),
        *(result(series({}, (1000, 1), (1015, 1), (1030, 1))) for _ in range(3)),
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


def test_series_are_stacked() -> None:
    """Series are stacked, their limit is not, and the axis covers the sum."""
    stacked = {"stacking": {"mode": "normal", "group": "A"}}
    found = option(
        graph(query("A", "{{x}}"), query("B", "Limit"), custom=stacked),
        result(series({"x": "a"}, (1000, 3)), series({"x": "b"}, (1000, 4))),
        result(series({}, (1000, 5))),
    )
    assert [one.get("stack") for one in found["series"]] == ["15", "15", None]
    assert found["yAxis"]["max"] == 8


def test_an_isolated_point_has_a_symbol() -> None:
    """A value without a value beside it is shown as a symbol."""
    many = [(1000 + 15 * n, 1) for n in range(40)]
    lonely = [*many[:20], *((t, math.nan) for t, _ in many[20:30]), (1450, 2), (1465, math.nan)]
    found = option(graph(query()), result(series({"a": "1"}, *many), series({"a": "2"}, *lonely)))
    assert [one["showSymbol"] for one in found["series"]] == [False, True]


def test_no_values_are_no_graph() -> None:
    """Without series, or with only NaN, there is no graph."""
    assert timeseries.option(graph(query()), [(result(), 15.0)], PERIOD) is None
    nothing = result(series({}, (1000, math.nan)))
    assert timeseries.option(graph(query()), [(nothing, 15.0)], PERIOD) is None


def test_exemplars_are_points() -> None:
    """Exemplars are points with their labels; at most 150, those with the largest values."""
    exemplars = [TraceExemplar(1000 + n / 100, n, {"trace_id": str(n)}) for n in range(200)]
    found = option(graph(query()), result(series({}, (1000, 1))), exemplars=exemplars)
    (points,) = (one for one in found["series"] if one["type"] == "scatter")
    assert len(points["data"]) == timeseries.MAX_EXEMPLARS
    assert points["data"][0] == {"value": [1_001_990, 199], "labels": {"trace_id": "199"}}


def test_without_a_legend_the_labels_are_the_name() -> None:
    """Without a legend, a series is named by its metric and labels."""
    found = option(graph(query()), result(series({"__name__": "up", "job": "a"}, (1000, 1))))
    assert found["legend"][0]["name"] == 'up{job="a"}'


@pytest.mark.parametrize(
    ("extent", "unit", "minimum", "maximum", "expected"),
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
    extent: tuple[float, float],
    unit: str,
    minimum: float | None,
    maximum: float | None,
    expected: Axis,
) -> None:
    """Ends and ticks are round in the unit: minutes, powers of two, or powers of ten."""
    assert axis(extent, unit, minimum, maximum) == expected


def heat(**options: Any) -> Any:
    base = {"yAxis": {"unit": "s"}, "cellValues": {"unit": "reqps"}, "color": {"steps": 3}}
    return make_panel("heatmap", options={**base, "filterValues": {"le": 1e-9}, **options})


BUCKETS = result(
    series({"le": "+Inf"}, (1000, 7), (1015, 4)),
    series({"le": "0.1"}, (1000, 2), (1015, 4)),
    series({"le": "0.5"}, (1000, 6), (1015, 4)),
)


def test_cumulative_buckets_are_subtracted() -> None:
    """The count of a bucket is its cumulative count less that of the bucket below."""
    edges, cells = heatmap.buckets(BUCKETS)
    assert edges == [0.1, 0.5, math.inf]
    assert cells == {
        (1000, 0): 2, (1000, 1): 4, (1000, 2): 1, (1015, 0): 4, (1015, 1): 0, (1015, 2): 0,
    }  # fmt: skip


def test_a_decreasing_count_is_zero() -> None:
    """A cumulative count below that of a lower bucket is a cell of zero."""
    _, cells = heatmap.buckets(result(series({"le": "1"}, (0, 5)), series({"le": "2"}, (0, 4))))
    assert cells == {(0, 0): 5, (0, 1): 0}


def test_a_bucket_after_one_that_falls() -> None:
    """Above a bucket with a lower count, only what exceeds the highest count below is shown."""
    counts = {"1": 5, "2": 3, "+Inf": 6}
    _, cells = heatmap.buckets(result(*(series({"le": le}, (0, n)) for le, n in counts.items())))
    assert cells == {(0, 0): 5, (0, 1): 0, (0, 2): 1}


def test_a_heatmap() -> None:
    """Cells are colored by their values, empty cells are left out, and edges are ticks."""
    found = heatmap.option(heat(), BUCKETS, 15, PERIOD)
    assert found is not None
    assert found["series"][0]["data"] == [
        [1_000_000, 0, 1, 2],
        [1_000_000, 1, 2, 4],
        [1_000_000, 2, 0, 1],
        [1_015_000, 0, 2, 4],
    ]
    assert found["heat"]["edges"] == ["100 ms", "500 ms", "∞"]
    assert (found["heat"]["low"], found["heat"]["high"]) == ("1 req/s", "4 req/s")
    assert len(found["heat"]["lightColors"]) == len(found["heat"]["darkColors"]) == 3
    assert found["yAxis"] == {"type": "value", "min": 0, "max": 3, "interval": 1}


def test_empty_buckets_are_no_heatmap() -> None:
    """With only zeros there is no heatmap."""
    assert heatmap.option(heat(), result(series({"le": "+Inf"}, (0, 0))), 15, PERIOD) is None


def test_exemplars_are_in_the_rows_of_their_buckets() -> None:
    """An exemplar is placed within its bucket; above all edges it is in the middle."""
    exemplars = [TraceExemplar(1000, 0.3, {"trace_id": "a"}), TraceExemplar(1001, 9.0, {})]
    found = heatmap.option(heat(), BUCKETS, 15, PERIOD, exemplars)
    assert found is not None
    assert [one["value"] for one in found["series"][1]["data"]] == [
        [1_001_000, 2.5, 9.0],
        [1_000_000, pytest.approx(1.5), 0.3],
    ]


ALERTS = AnnotationQuery("Alerts", "x", "{{job}}: {{alertname}}", "#d1413a", 60)


def test_the_periods_of_an_annotation() -> None:
    """Points one step apart are one period, a gap begins another, and zero is no point."""
    found = result(
        series(
            {"job": "shop", "alertname": "Slow"},
            (0, 1), (60, 1), (120, 0), (180, 1), (240, 1), (300, 1), (600, 1),
        )
    )  # fmt: skip
    text, color = "shop: Slow", "#d1413a"
    assert annotations(ALERTS, found, 60) == [
        Annotation(0, 60_000, "Alerts", text, color),
        Annotation(180_000, 300_000, "Alerts", text, color),
        Annotation(600_000, 600_000, "Alerts", text, color),
    ]


def test_annotations_are_lines_and_areas() -> None:
    """Each annotation has a line at its start, and an area for its duration."""
    (found,) = annotation_series(
        [Annotation(1, 5, "Alerts", "x", "#111111"), Annotation(7, 7, "Deploys", "y", "#222222")]
    )
    assert found["markLine"]["data"] == [
        {"xAxis": 1, "lineStyle": {"color": "#111111"}},
        {"xAxis": 7, "lineStyle": {"color": "#222222"}},
    ]
    assert found["markArea"]["data"] == [
        [{"xAxis": 1, "itemStyle": {"color": "#111111"}}, {"xAxis": 5}]
    ]
    assert annotation_series([]) == []


def test_thresholds() -> None:
    """A value has the color of the last threshold that it has reached."""
    steps = [
        {"value": None, "color": "green"},
        {"value": 1, "color": "#e5a72e"},
        {"value": 2, "color": "red"},
    ]
    found = field_config(
        make_panel("stat", fieldConfig={"defaults": {"thresholds": {"steps": steps}}}), "x"
    )
    assert [found.threshold_color(value) for value in (-1, 1, 1.5, 2)] == [
        "#4a9d5b",
        "#e5a72e",
        "#e5a72e",
        "#d1413a",
    ]
