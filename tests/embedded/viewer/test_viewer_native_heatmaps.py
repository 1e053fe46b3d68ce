"""Heatmaps of native histograms, from answers of Prometheus's HTTP API."""

import math
from typing import Any

from sidelight.embedded.viewer import heatmap
from sidelight.embedded.viewer.query_result import QueryResult, query_result
from tests.embedded.viewer.builders import make_panel
from tests.embedded.viewer.test_viewer_graphs import BUCKETS, PERIOD


def histogram(*buckets: tuple[float, float, float]) -> dict[str, Any]:
    """A histogram with these buckets: their boundaries and their counts."""
    found = [[0, str(low), str(high), str(count)] for low, high, count in buckets]
    count = str(sum(bucket[2] for bucket in buckets))
    return {"count": count, "sum": "1"} | ({"buckets": found} if found else {})


def matrix(*points: tuple[float, dict[str, Any]]) -> QueryResult:
    """A series that had a number at first, and then histograms."""
    series = {"metric": {}, "values": [[985, "1"]], "histograms": [list(one) for one in points]}
    return query_result({"data": {"resultType": "matrix", "result": [series]}})


NATIVE = matrix(
    (1000, histogram((-0.25, 0.25, 2), (0.25, 0.5, 4), (4, 8, 3))),
    (1015, histogram((0.5, 8, 6))),
    (1030, histogram()),
)


def test_rows_are_between_boundaries() -> None:
    """A count is in the rows of its bucket; what no bucket covers is an empty row."""
    assert heatmap.native_buckets(NATIVE) == (
        [0.25, 0.5, 4, 8],
        {(1000, 0): 2, (1000, 1): 4, (1000, 3): 3, (1015, 2): 3, (1015, 3): 3},
    )


def test_custom_buckets() -> None:
    """The first bucket begins at 0, and the last one has no end."""
    found = matrix((1000, histogram((-math.inf, 0.1, 1), (0.1, math.inf, 2))))
    assert heatmap.native_buckets(found) == ([0.1, math.inf], {(1000, 0): 1, (1000, 1): 2})


def test_a_heatmap_is_drawn() -> None:
    """Boundaries are ticks, and counts are cells; without native histograms there is none."""
    units = {"yAxis": {"unit": "s"}, "cellValues": {"unit": "reqps"}}
    found = heatmap.option(make_panel("heatmap", options=units), NATIVE, 15, PERIOD)
    assert found is not None
    assert found["heat"]["edges"] == ["250 ms", "500 ms", "4 s", "8 s"]
    assert [(cell[0], cell[1], cell[3]) for cell in found["series"][0]["data"]] == [
        (1_000_000, 0, 2),
        (1_000_000, 1, 4),
        (1_000_000, 3, 3),
        (1_015_000, 2, 3),
        (1_015_000, 3, 3),
    ]
    assert heatmap.native_buckets(BUCKETS) is None
