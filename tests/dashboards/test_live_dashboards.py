"""A real Prometheus with our rules scrapes the shop's sidecar: every panel's query is asked."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
pytest.importorskip("aiosqlite")

from tests.dashboards.asking import (
    check_annotations,
    check_sound,
    check_variables,
    each,
    key,
    put,
    traces,
)
from tests.dashboards.reading import Asked
from tests.dashboards.stack import OBJECTIVES, SHOP, crowd, hold, page, prometheus, served, shoppers
from tests.live.otlp_receiver import Receiver
from tests.live.prometheus import query
from tests.live.servers import PATIENCE, Server, eventually, free_port, of_uvicorn
from tests.live.sidecars import Sidecar

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(400),
    pytest.mark.skipif(sys.platform != "linux", reason="starts servers that need Linux's /proc"),
]

QUIET = {
    "sidelight-fleet": {
        "Without Sidelight A": "every service has it; asked in test_live_without_sidelight",
    },
    "sidelight-service": {
        "Latency E": "asks for traces only",
        "Memory D": "a machine may have no memory limit",
    },
    "sidelight-route": {
        "Latency F": "asks for traces only",
        "Latency distribution B": "asks for traces only",
        "Requests: now and before B": "nobody was here a day ago",
        "Requests: now and before C": "nor a week ago",
        "p95: now and before B": "nobody was here a day ago",
        "p95: now and before C": "nor a week ago",
    },
    "sidelight-runtime": {"Instances C": "a machine may have no memory limit"},
}
"""What can't be there, and why."""
HELD = {"/held": 12, "/printed": 5, "/paid": 1, "/unpaid": 1, "/misfit": 1, "!/orders/1/events": 1}
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACED = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


class Stack(NamedTuple):
    """What a test talks to: the shop, the service that has faults, Prometheus, the collector."""

    shop: Server
    faulty: Server
    port: int
    collector: Receiver


@contextmanager
def stack(where: Path) -> Iterator[Stack]:
    """The shop on two workers with its sidecar; a service with faults; a target that is none."""
    (where / "sidelight.toml").write_text(OBJECTIVES)
    (where / "faulty").mkdir()
    store = where / "store"
    with ExitStack() as parts:
        collector = parts.enter_context(Receiver())
        faulty = parts.enter_context(served("faulty:app", where / "faulty", {}))
        env = {
            "SIDELIGHT_DIR": str(store),
            "SIDELIGHT_PHASE_SAMPLE_INTERVAL": "1",
            "SIDELIGHT_LOOP_BLOCK_THRESHOLD": "0.02",  # the barcode takes less than 0.1 s
            "NEIGHBOUR": f"http://127.0.0.1:{faulty.port}",
            "PYTHONPATH": f"{SHOP}:{Path(__file__).parents[2] / 'instrumentation'}",
        }
        shop = parts.enter_context(served("busy:app", where, env, *of_uvicorn(2)))
        often = {"OTEL_METRIC_EXPORT_INTERVAL": "500"}
        sidecar = parts.enter_context(Sidecar(store, where, "--otlp", collector.url, **often))
        silent = parts.enter_context(page("nothing_of_ours 1\n"))
        jobs = {"shop": [sidecar.port, silent, free_port()], "faulty": [faulty.port]}
        port = parts.enter_context(prometheus(jobs, where))
        eventually(lambda: query(port, 'sum(sidelight_workers{job="shop"}) == 2'))
        yield Stack(shop, faulty, port, collector)


def harm(found: Stack, store: Path) -> None:
    """A worker is killed with requests in it, a file is torn, the collector is away, and more."""
    (store / "torn.worker").write_bytes(b"torn" * 64)
    found.collector.status = 503
    for number in range(120):
        found.faulty.get(f"/things/{number}")
    found.shop.kill(found.shop.workers()[0])
    eventually(lambda: query(found.port, 'sum(sidelight_workers{job="shop"}) == 2'))
    found.collector.status = 200


def check_all(port: int, *, busy: Callable[[Asked], bool]) -> None:
    """No query fails or answers NaN; those that must, answer something."""
    silent = []
    for asked in each():
        answer = put(port, asked)
        check_sound(asked, answer)
        if busy(asked) and not answer.series:
            silent.append(asked)
    check_heard(port, silent)
    check_annotations(port)


def check_heard(port: int, silent: list[Asked]) -> None:
    """All of them answer soon."""
    deadline = time.monotonic() + PATIENCE
    while silent := [asked for asked in silent if not put(port, asked).series]:
        assert time.monotonic() < deadline, list(map(str, silent))
        time.sleep(1)


def must_answer(asked: Asked) -> bool:
    return key(asked) not in QUIET.get(asked.uid, {})


def highest(port: int, uid: str, name: str, **chosen: str) -> float:
    """The largest number that a query answers."""
    (asked,) = [one for one in each() if (one.uid, key(one)) == (uid, name)]
    return max(put(port, asked, **chosen).numbers, default=0.0)


def check_pool(port: int) -> None:
    """The pool that is too small is full, waited for, and given up."""
    runtime = "sidelight-runtime"
    eventually(lambda: highest(port, runtime, "Connection pools A") == 1.0)
    eventually(lambda: highest(port, runtime, "Calls waiting for a connection A") >= 1)
    eventually(lambda: highest(port, runtime, "Connection pools E") > 0)
    eventually(lambda: highest(port, "sidelight-service", "Connection pool usage A") == 1.0)


def check_traced(found: Stack, asked: Asked) -> None:
    """A trace is found by its exemplar, once no other one of its bucket came before a scrape."""

    def seen() -> bool:
        found.shop.get("/products/1", headers=TRACED)
        return TRACE in traces(found.port, asked)

    assert eventually(seen), str(asked)


def test_every_panel_under_load(tmp_path: Path) -> None:
    """Of a shop in all kinds of trouble, every query answers where data must be, without NaN."""
    with stack(tmp_path) as found, shoppers(found.shop), crowd(found.shop, HELD):
        time.sleep(10)
        hold(found.shop)
        harm(found, tmp_path / "store")
        check_all(found.port, busy=must_answer)
        check_pool(found.port)
        check_variables(found.port)
        checkout = {"job": "shop", "route": "/orders/checkout", "method": "POST"}
        assert highest(found.port, "sidelight-route", "Requests A", **checkout) > 0
        for asked in (one for one in each() if one.target["exemplar"]):
            check_traced(found, asked)


def test_what_may_be_silent_is_there() -> None:
    """No reason for silence is left of a query that is gone."""
    known: dict[str, set[str]] = {}
    for asked in each():
        known.setdefault(asked.uid, set()).add(key(asked))
    assert all(set(quiet) <= known[uid] for uid, quiet in QUIET.items())


@pytest.mark.slow
def test_every_panel_at_rest(tmp_path: Path) -> None:
    """When requests have stopped, no query is in error and none answers NaN."""
    with stack(tmp_path) as found:
        with shoppers(found.shop), crowd(found.shop, HELD):
            time.sleep(8)
        time.sleep(25)  # longer than the windows of rates
        check_all(found.port, busy=lambda _: False)


def test_every_panel_without_any_request(tmp_path: Path) -> None:
    """Of a service that nobody has asked for anything, no query is in error or NaN."""
    with stack(tmp_path) as found:
        time.sleep(5)
        check_all(found.port, busy=lambda _: False)
