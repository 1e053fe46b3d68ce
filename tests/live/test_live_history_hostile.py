"""Hostile queries are refused or ended in time, in bounded memory, while pages are served."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from sidelight.embedded.api import routes
from tests.live.prometheus_api import get, post
from tests.live.servers import eventually
from tests.live.sidecars import Sidecar, timed, worker_with_routes

pytestmark = pytest.mark.live
SLOW = pytest.mark.slow

MIB = 1 << 20
FEW_ROUTES, MANY_ROUTES = 100, 500
"""Each route has a histogram: some 1,700 or 8,500 series."""
EVERYTHING = '{__name__=~".+"}'
HOSTILE = [
    f"sum by (le, http_route) (rate({EVERYTHING}[1h]))",
    f"quantile_over_time(0.5, {EVERYTHING}[1h])",
    f"max_over_time(rate({EVERYTHING}[5m])[1h:1s])",
    f"sum(count_over_time({EVERYTHING}[1h])) + on () group_left () {EVERYTHING}",
    f"{EVERYTHING} * on (le) group_left() {EVERYTHING}",
    f'label_replace({EVERYTHING}, "a", "$1$1$1$1$1$1$1$1", "__name__", "(.*)")',
    'label_replace(up, "a", "$1", "job", "((((a*)*)*)*)*b")',
    '{__name__=~"(.*.*.*.*.*.*.*.*.*.*.*.*)*x"}',
    '{__name__=~"((a{1,1000}){1,1000}){1,1000}"}',
    "(" * 5000 + "up" + ")" * 5000,
    "(" * 90 + "up" + ")" * 90,
    "-" * 9000 + "1",
    "1" + "+1" * 4000,
    "1" + "^1" * 4000,
    "sum(" * 2000 + "up" + ")" * 2000,
    "up" + "[5m:1s]" * 50,
    "max_over_time(" * 8 + "up" + "[1h:1s])" * 8,
    "{" + ",".join(f'a{n}=~".*"' for n in range(500)) + "}",
    "up offset 99999999999999999999y",
    "vector(1e308 * 1e308)",
    'count_values("' + "a" * 5000 + f'", {EVERYTHING})',
    "\x00\ufffe\U0010ffff",
    "up{a='" + "x" * 9000 + "'}",
    "count_over_time(vector(" + "1+(" * 45 + "1" + ")" * 45 + ")[4999990s:1s])",
    "count_over_time((" + "hour() + (" * 30 + "hour()" + ")" * 30 + ")[4999990s:1s])",
]
MORE_HOSTILE = [
    f"day_of_year({EVERYTHING})",
    f"round({EVERYTHING}, 3)",
    f"quantile(0.5, {EVERYTHING})",
    f"histogram_quantile(0.5, {EVERYTHING})",
    "count_over_time(vector(1)[4999990s:1s])",
    "count_over_time(day_of_year()[999990s:1s])",
    "count_over_time(quantile(0.5, vector(1))[999990s:1s])",
]
"""The same with other functions; for `make test-all`."""


@pytest.fixture(scope="module", params=[FEW_ROUTES, pytest.param(MANY_ROUTES, marks=SLOW)])
def sidecar(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sidecar]:
    """A sidecar that has sampled many series for a while."""
    where: Path = tmp_path_factory.mktemp("hostile")
    with (
        worker_with_routes(where / "store", request.param),
        Sidecar(where / "store", where, "--history-step", "1s") as one,
    ):
        eventually(lambda: _steps(one) > 10)
        yield one


def _steps(sidecar: Sidecar) -> int:
    rows = get(sidecar.port, "query", ("query", "up[1h]")).data["result"]
    return len(rows[0]["values"]) if rows else 0


def _seconds(sidecar: Sidecar, path: str, *fields: tuple[str, str]) -> float:
    began = time.monotonic()
    answer = post(sidecar.port, path, *fields)
    assert answer.status in {200, 400, 422, 503}, answer
    if answer.status != 200:
        assert answer.body["status"] == "error"
        assert answer.body["errorType"] in {"bad_data", "execution", "timeout"}
    return time.monotonic() - began


ALLOWED = 5.0 + 15.0
"""Seconds: the limit of a query, and what a loaded machine may add."""
EXTRA_MEMORY = 256 * MIB
"""Bytes that queries may add to the memory of the sidecar while they run."""


@pytest.mark.parametrize(
    "query",
    [*HOSTILE, *(pytest.param(query, marks=SLOW) for query in MORE_HOSTILE)],
    ids=lambda query: query[:40],
)
def test_a_hostile_query_ends(sidecar: Sidecar, query: str) -> None:
    """At one time and over hours it is answered, or refused as by Prometheus, within bounds."""
    now = int(time.time())
    span = ("start", str(now - 10_000)), ("end", str(now)), ("step", "1")
    wide = *span[:2], ("step", "40")
    with sidecar.within(EXTRA_MEMORY):
        assert _seconds(sidecar, "query", ("query", query)) < ALLOWED
        assert _seconds(sidecar, "query_range", ("query", query), *span) < ALLOWED
        assert _seconds(sidecar, "query_range", ("query", query), *wide) < ALLOWED
        assert _seconds(sidecar, "series", ("match[]", query)) < ALLOWED
    assert sidecar.get("/healthz")[0] == 200


@pytest.mark.parametrize("path", ["series", "labels", "label/le/values"])
def test_many_selectors_end(sidecar: Sidecar, path: str) -> None:
    """999 selectors of all series end in time and in bounded memory."""
    fields = [("match[]", EVERYTHING)] * 999
    query = f"?{urlencode(fields)}"
    with sidecar.within(EXTRA_MEMORY):
        if path.startswith("label/"):
            assert sidecar.get(f"/api/v1/{path}{query}")[0] in {200, 503}
        else:
            assert _seconds(sidecar, path, *fields) < ALLOWED
    assert sidecar.get("/healthz")[0] == 200


@pytest.mark.parametrize(
    ("clients", "seconds"), [(12, 3), pytest.param(40, 10, marks=SLOW)], ids=["few", "many"]
)
def test_pages_are_served_through_a_barrage(sidecar: Sidecar, clients: int, seconds: int) -> None:
    """While many clients query all series continuously, pages are served in bounded memory."""
    now = int(time.time())
    span = ("start", str(now - 3600)), ("end", str(now)), ("step", "1")
    stop = threading.Event()
    statuses: list[int] = []
    before, most = sidecar.resident, 0

    def ask(number: int) -> None:
        while not stop.is_set():
            answer = post(sidecar.port, "query_range", ("query", HOSTILE[number % 5]), *span)
            statuses.append(answer.status)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    slowest = {"/metrics": 0.0, "/healthz": 0.0}
    for thread in threads:
        thread.start()
    try:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for path, longest in slowest.items():
                took, status, _ = timed(sidecar, path)
                assert status == 200
                slowest[path] = max(longest, took)
            most = max(most, sidecar.resident)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    print(f"\n{slowest}, {len(statuses)} answers, {(most - before) / MIB:.0f} MiB more")  # noqa: T201 the figures, for whoever asks with -s
    assert set(statuses) <= {200, 422, 503}
    assert slowest["/healthz"] < 5
    assert slowest["/metrics"] < 10
    assert most - before < EXTRA_MEMORY
    eventually(lambda: get(sidecar.port, "query", ("query", "up == 1")).data["result"])


def test_a_query_that_waits_too_long_is_refused(sidecar: Sidecar) -> None:
    """A query that waits in the queue beyond its timeout gets Prometheus's status and error."""
    answers = []

    def ask() -> None:
        answers.append(post(sidecar.port, "query", ("query", HOSTILE[2]), ("timeout", "10ms")))

    clients = [threading.Thread(target=ask) for _ in range(4 * routes.CONCURRENCY)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    refused = [answer for answer in answers if answer.status == 503]
    assert refused
    for answer in refused:
        assert answer.body["errorType"] == "timeout"
        assert answer.body["error"].startswith("query timed out in ")


def test_forms_are_bounded(sidecar: Sidecar) -> None:
    """A form of a megabyte, or of more than a thousand fields, is refused."""
    for fields in ([("query", "x" * MIB)], [("match[]", "up")] * 1200):
        answer = post(sidecar.port, "query", *fields)
        assert (answer.status, answer.body["errorType"]) == (400, "bad_data")


def test_nothing_can_be_changed(sidecar: Sidecar) -> None:
    """Other methods are refused, and the endpoints that change a Prometheus do not exist."""
    for path in ("query", "series", "labels", "rules", "alerts", "metadata", "status/buildinfo"):
        for method in ("PUT", "DELETE", "PATCH"):
            assert sidecar.get(f"/api/v1/{path}", method)[0] == 405
    for path in ("admin/tsdb/delete_series", "admin/tsdb/snapshot", "write", "/-/reload"):
        for method in ("POST", "PUT"):
            assert sidecar.get(f"/api/v1/{path}", method)[0] in {404, 405}
