"""Native histograms in responses of the HTTP API, in the form of Prometheus's."""

from typing import Any

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from starlette.applications import Starlette
from starlette.testclient import TestClient

from sidelight.embedded.api.routes import AppState, routes
from sidelight.embedded.history.exposition import Exemplars, MetricMetadata
from sidelight.embedded.history.history import History
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.embedded.rules.recording import RuleSample, record_samples
from tests.embedded.history.filled_history import MIB
from tests.embedded.promql.histogram_notation import histogram

SIGNED = histogram("count:7 sum:-2.5 z_bucket:2 z_bucket_w:0.75 buckets:[1 0 1] n_buckets:[3]")
SIGNED_JSON = {
    "count": "7",
    "sum": "-2.5",
    "buckets": [
        [1, "-1", "-0.75", "3"],
        [3, "-0.75", "0.75", "2"],
        [0, "0.75", "1", "1"],
        [0, "2", "4", "1"],
    ],
}
CUSTOM = histogram("count:6 sum:NaN custom_values:[0.5 2] buckets:[1 2 3]")
CUSTOM_JSON = {
    "count": "6",
    "sum": "NaN",
    "buckets": [[3, "-Inf", "0.5", "1"], [0, "0.5", "2", "2"], [0, "2", "+Inf", "3"]],
}
EMPTY = histogram("count:0 sum:0")


@pytest.fixture
def client() -> TestClient:
    """A client of an API over a series that turns from a number into a histogram, and another."""
    history = History(3_600_000, 64 * MIB)
    first: list[float | FloatHistogram] = [1.5, SIGNED, EMPTY]
    for second, one in enumerate(first):
        rows: list[RuleSample] = [
            ({"__name__": "a", "n": "1"}, one),
            ({"__name__": "b", "n": "2"}, CUSTOM),
        ]
        record_samples(history, "rule", second * 1000, rows)
    state = AppState(history, MetricMetadata(), Exemplars(), [])
    return TestClient(Starlette(routes=routes(state)))


def data(client: TestClient, path: str, **asked: str) -> Any:
    answer = client.get(f"/api/v1/{path}", params=asked).json()
    assert answer["status"] == "success", answer
    return answer["data"]["result"]


def test_an_instant_query(client: TestClient) -> None:
    """A series has a value or a histogram: the kind of each bucket, its ends and its count."""
    assert data(client, "query", query="{n=~'.'}", time="1") == [
        {"metric": {"__name__": "a", "n": "1"}, "histogram": [1, SIGNED_JSON]},
        {"metric": {"__name__": "b", "n": "2"}, "histogram": [1, CUSTOM_JSON]},
    ]
    assert data(client, "query", query="a", time="0") == [
        {"metric": {"__name__": "a", "n": "1"}, "value": [0, "1.5"]}
    ]


def test_a_range_query(client: TestClient) -> None:
    """A series has its numbers in values and its histograms in histograms."""
    between = {"start": "0", "end": "2", "step": "1"}
    first, second = data(client, "query_range", query="{n=~'.'}", **between)
    assert first == {
        "metric": {"__name__": "a", "n": "1"},
        "values": [[0, "1.5"]],
        "histograms": [[1, SIGNED_JSON], [2, {"count": "0", "sum": "0"}]],
    }
    assert second["histograms"] == [[at, CUSTOM_JSON] for at in range(3)]
    assert "values" not in second
    assert data(client, "query", query="a[5s]", time="2") == [first]


def test_a_limit(client: TestClient) -> None:
    """Of more series than the limit, the first ones come with their histograms."""
    (only,) = data(client, "query", query="{n=~'.'}", time="1", limit="1")
    assert only["histogram"] == [1, SIGNED_JSON]
    between = {"start": "1", "end": "1", "step": "1"}
    (only,) = data(client, "query_range", query="{n=~'.'}", limit="1", **between)
    assert only["histograms"] == [[1, SIGNED_JSON]]
