"""Limits that a test sets on routes."""

import pytest

from sidelight.testing import Metrics, UnknownError
from tests.testing.shops import TestClient, shop

pytestmark = pytest.mark.newest


def test_a_route_within_its_limits_passes(sidelight_metrics: Metrics) -> None:
    """Every limit that is given holds, for all methods of a route or one."""
    client = TestClient(shop())
    for _ in range(5):
        client.get("/quick/1")
    sidelight_metrics.assert_faster_than("/quick/{x}", p50=10, p95=10, p99=10)
    sidelight_metrics.assert_faster_than("/quick/{x}", p95=10, method="GET")


def test_a_slow_route_fails_with_its_figure(sidelight_metrics: Metrics) -> None:
    """The message has the route, each figure that is too high, and the limit."""
    TestClient(shop(buckets=[0.05, 60])).get("/wait/0.1")
    with pytest.raises(AssertionError) as failed:
        sidelight_metrics.assert_faster_than("/wait/{seconds}", p50=0.05, p99=0.01, p95=60)
    assert str(failed.value).splitlines() == [
        "p50 of /wait/{seconds} is between 0.05 and 1 s; the limit is 0.05 s",
        "p99 of /wait/{seconds} is between 0.05 and 1 s; the limit is 0.01 s",
    ]


def test_a_limit_inside_a_bucket_fails_and_says_what_would_tell(
    sidelight_metrics: Metrics,
) -> None:
    """Where the bucket's edges are on both sides of the limit, it isn't taken for kept."""
    TestClient(shop(buckets=[0.05, 60])).get("/wait/0.1")
    with pytest.raises(AssertionError, match=r"is unknown: .*buckets=…\) with 0.5 among them"):
        sidelight_metrics.assert_faster_than("/wait/{seconds}", p95=0.5)


def test_a_quantile_sees_its_share(sidelight_metrics: Metrics) -> None:
    """One slow request of ten is in p95 and p99, and p50 doesn't see it."""
    client = TestClient(shop(buckets=[0.5, 60]))
    for _ in range(9):
        client.get("/wait/0")
    client.get("/wait/0.6")
    sidelight_metrics.assert_faster_than("/wait/{seconds}", p50=0.5)
    with pytest.raises(AssertionError, match=r"p95 of .* between 0\.5 and 1 s"):
        sidelight_metrics.assert_faster_than("/wait/{seconds}", p95=0.5)


def test_limits_on_nothing_fail(sidelight_metrics: Metrics) -> None:
    """A route or a method that wasn't asked for, and no limit at all, never pass."""
    TestClient(shop()).get("/quick/1")
    with pytest.raises(UnknownError, match=r"'/items' was not asked for.*'/quick/\{x\}'"):
        sidelight_metrics.assert_faster_than("/items", p95=1)
    with pytest.raises(AssertionError, match=r"no request of POST /quick/\{x\}"):
        sidelight_metrics.assert_faster_than("/quick/{x}", p95=1, method="POST")
    with pytest.raises(TypeError, match=r"such as p95=0\.2"):
        sidelight_metrics.assert_faster_than("/quick/{x}")


def test_errors_are_not_fast_answers(sidelight_metrics: Metrics) -> None:
    """A route of which no request succeeded isn't quick, and its statuses are listed."""
    client = TestClient(shop())
    client.post("/items", json={})
    client.post("/items", json={})
    with pytest.raises(AssertionError, match="no request of /items succeeded: 2 times 422"):
        sidelight_metrics.assert_faster_than("/items", p95=10)
    client.post("/items", json={"name": "a", "price": 1})
    sidelight_metrics.assert_faster_than("/items", p95=10)


def test_validation_errors_are_listed(sidelight_metrics: Metrics) -> None:
    """Route, place, type and number of what did not fit, on the way in and out."""
    client = TestClient(shop(), raise_server_exceptions=False)
    client.post("/items", json={"name": "a", "price": 1})
    sidelight_metrics.assert_no_validation_errors()
    client.post("/items", json={"name": "a", "price": "many"})
    client.get("/wrong")
    with pytest.raises(AssertionError) as failed:
        sidelight_metrics.assert_no_validation_errors()
    assert str(failed.value).splitlines() == [
        "validation errors:",
        "  /items: body.price: float_parsing (1 times)",
        "  /wrong: response: not its model (1 times)",
    ]


def test_no_request_no_verdict(sidelight_metrics: Metrics) -> None:
    """A test that drove nothing can't say that there were no errors."""
    with pytest.raises(AssertionError, match="no request was measured"):
        sidelight_metrics.assert_no_validation_errors()
