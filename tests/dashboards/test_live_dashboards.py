"""Every query of every panel, sent to a Prometheus with our rules that scrapes the example shop."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
pytest.importorskip("opentelemetry.exporter.prometheus")
pytest.importorskip("fastapi.telemetry")
pytest.importorskip("aiosqlite")

from tests.dashboards.querying import (
    all_queries,
    check_answered,
    check_sound,
    check_variables,
    highest,
    name,
    send,
    traces,
)
from tests.dashboards.reading import NATIVE, PanelQuery
from tests.dashboards.without_sidelight import MUST, SIDELIGHT_ONLY
from tests.dashboards.world import World, servers, world
from tests.live.servers import eventually

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("dashboards"),
    pytest.mark.skipif(sys.platform != "linux", reason="starts servers that need Linux's /proc"),
]

SIDELIGHT = "(shop|faulty)"
"""The jobs with Sidelight, as Grafana sends several values of a variable."""
QUIET = {
    "sidelight-fleet": {"Without Sidelight A": "every service has it; see without_sidelight.py"},
    "sidelight-service": {
        "Latency Traces": "returns traces only",
        "Memory D": "a machine may have no memory limit",
    },
    "sidelight-route": {
        "Latency of route $route, method $method Traces": "returns traces only",
        "Latency distribution of route $route, method $method Traces": "returns traces only",
        "Requests: now and before B": "there is no data of a day ago",
        "Requests: now and before C": "there is no data of a week ago",
        "p95: now and before B": "there is no data of a day ago",
        "p95: now and before C": "there is no data of a week ago",
    },
    "sidelight-runtime": {"Instances C": "a machine may have no memory limit"},
    "sidelight-telemetry-health": {
        "Skipped files, families and headers C": "the shop trusts no proxy's header"
    },
}
"""The queries that cannot have data here, and why."""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


def must_answer(query: PanelQuery) -> bool:
    return name(query) not in QUIET.get(query.uid, {})


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One set of services and one Prometheus, under load until the last test of this module."""
    with world(tmp_path_factory.mktemp("world")) as found:
        yield found


def test_every_panel_under_load(shared_world: World) -> None:
    """Of a shop with all kinds of faults, every query has data where it must, and no NaN."""
    port = shared_world.port
    check_answered(port, must_answer, job=SIDELIGHT)
    check_sound(port, job=SIDELIGHT)
    check_variables(port, job=SIDELIGHT)
    checkout = {"job": "shop", "route": "/orders/checkout", "method": "POST"}
    eventually(lambda: highest(port, "sidelight-route", "Requests A", **checkout) > 0)


def test_a_small_pool_is_full(shared_world: World) -> None:
    """A connection pool that is too small is shown as full, with waiting calls and timeouts."""
    for uid, query, least in (
        ("sidelight-runtime", "Connection pools A", 1.0),
        ("sidelight-runtime", "Waiting for a connection A", 1.0),
        ("sidelight-runtime", "Connection pools E", 1e-9),
        ("sidelight-service", "Connection pool usage A", 1.0),
    ):
        assert eventually(lambda: highest(shared_world.port, uid, query) >= least)  # noqa: B023 called at once


def test_a_trace_is_found_by_its_exemplar(shared_world: World) -> None:
    """Each query for exemplars finds the trace of a request."""

    def found(query: PanelQuery) -> bool:
        """Whether it was the only one of its bucket between two scrapes."""
        shared_world.shop.get("/products/1", headers=TRACED)
        return TRACE in traces(shared_world.port, query)

    for query in all_queries():
        if query.target["exemplar"]:
            assert eventually(lambda: found(query)), str(query)  # noqa: B023 called at once


def test_four_dashboards_without_sidelight(shared_world: World) -> None:
    """Four dashboards show what FastAPI's own telemetry has, and nothing that it lacks."""
    port = shared_world.port
    check_answered(port, lambda query: name(query) in MUST.get(query.uid, ()), job="native")
    check_sound(port, job="native")
    check_variables(port, job="native")
    answered = [
        str(query)
        for query in all_queries()
        if name(query) in SIDELIGHT_ONLY.get(query.uid, {})
        and send(port, query, job="native").series
    ]
    assert not answered


def test_an_empty_panel_says_that_it_requires_sidelight() -> None:
    """Each panel that only Sidelight can fill says so where it has no data."""
    found = {(query.uid, name(query)): query.empty for query in all_queries()}
    for uid, texts in SIDELIGHT_ONLY.items():
        for one, text in texts.items():
            assert text.lower() in found[uid, one].lower(), (uid, one)
    assert {(uid, one) for uid, names in MUST.items() for one in names} <= set(found)
    assert set(MUST) == set(NATIVE)


def test_what_may_be_silent_is_there() -> None:
    """Every query that is listed as silent exists."""
    known = {(query.uid, name(query)) for query in all_queries()}
    assert {(uid, one) for uid, quiet in QUIET.items() for one in quiet} <= known


@pytest.mark.slow
def test_every_panel_at_full_load_and_at_rest(tmp_path: Path) -> None:
    """At more load, and when requests have stopped, no query has an error or NaN."""
    with servers(tmp_path) as found:
        with found.load(rate=40):
            time.sleep(8)
            check_sound(found.port)
        time.sleep(25)  # longer than the windows of rates
        check_sound(found.port)
