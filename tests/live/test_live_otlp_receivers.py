"""Real receivers of OTLP have the sidecar's series, and each ends there when it should.

Debian's Prometheus is built without its receiver of OTLP, so vmagent receives for it.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
pytest.importorskip("websockets")

from websockets.sync.client import connect

from sidelight.contract import METRICS
from sidelight.export.inflight_zeros import INFLIGHT
from tests.live.conftest import Serve
from tests.live.counting import Sample, scrape
from tests.live.newer import newer
from tests.live.prometheus import prometheus, query
from tests.live.servers import Server, eventually
from tests.live.sidecars import Sidecar, request_in_background
from tests.live.victoria_metrics import OTLP_PATH, victoria_metrics, vmagent

pytestmark = [pytest.mark.live, pytest.mark.newest]

OFTEN = {"OTEL_METRIC_EXPORT_INTERVAL": "300", "OTEL_SERVICE_NAME": "shop"}
SUMMARIES = {f"{m.name}_count": f"{m.name}_bucket" for m in METRICS.values() if m.kind == "summary"}
WAITS = 'http_route="/wait/{name}"'
ACTIVE = f"fastapi_active_requests{{{WAITS}}}"
OLDEST = f"fastapi_oldest_active_request_seconds{{{WAITS}}}"
COUNTS = (
    ACTIVE,
    'fastapi_websocket_active{http_route="/chat"}',
    'http_server_active_requests{http_request_method="GET",url_scheme="http"}',
)
SERVING = 'sidelight_workers{state="serving"}'


class Receiver(NamedTuple):
    """Where OTLP is sent, and the port of the store that answers queries."""

    endpoint: str
    store: int

    def values(self, selector: str) -> list[float]:
        """The values that series have now."""
        return [float(row["value"][1]) for row in query(self.store, selector)]

    def all_values(self, selector: str) -> list[float]:
        """Every value that the one series has had; its end is none."""
        rows = query(self.store, f"{selector}[1h]")
        return [float(value) for row in rows for _, value in row["values"] if value != "NaN"]

    def ended(self, selector: str) -> bool:
        """Whether a series has no value now, and had one."""
        return not self.values(selector) and bool(self.all_values(selector))

    def has_series_of(self, sidecar: Sidecar) -> bool:
        """Whether there is a value of each series of the page, and of no other.

        Without those of requests in flight, which have zeros, and of the target.
        """
        return self.series() == exported(sidecar)

    def series(self) -> set[Sample]:
        """The series that have a value now."""
        rows = [dict(row["metric"]) for row in query(self.store, '{job="shop"}')]
        for row in rows:
            assert row.pop("job") == row.pop("service_name")
            assert row.pop("instance") == row.pop("service_instance_id")
        return {sample(row.pop("__name__"), row) for row in rows if compared(row["__name__"])}


def exported(sidecar: Sidecar) -> set[Sample]:
    """The series of the page. A sum and a count arrive as a histogram of one bucket."""
    found = {sample(name, dict(labels)) for name, labels in scrape(sidecar) if compared(name)}
    return found | {
        (SUMMARIES[name], labels | {("le", "inf")}) for name, labels in found if name in SUMMARIES
    }


def compared(name: str) -> bool:
    return name not in INFLIGHT | {"target_info"}


def sample(name: str, labels: dict[str, str]) -> Sample:
    """A series without empty labels; the bounds of buckets are written alike."""
    bound = {"le": str(float(labels["le"]))} if "le" in labels else {}
    return name, frozenset((key, value) for key, value in {**labels, **bound}.items() if value)


@pytest.fixture(
    params=["prometheus", pytest.param("victoria-metrics", marks=pytest.mark.slow)],
)
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Receiver]:
    """VictoriaMetrics, or a vmagent before Prometheus 3."""
    with ExitStack() as parts:
        if request.param == "prometheus":
            option = "--web.enable-remote-write-receiver"
            program = newer("prometheus")
            store = parts.enter_context(prometheus("", tmp_path, option, program=program))
            url = f"http://127.0.0.1:{store}/api/v1/write"
            port = parts.enter_context(vmagent(tmp_path, url))
        else:
            port = store = parts.enter_context(victoria_metrics(tmp_path))
        yield Receiver(f"http://127.0.0.1:{port}{OTLP_PATH}", store)


@pytest.fixture
def server(uvicorn: Serve, store: Path) -> Server:
    """One worker."""
    return uvicorn(1, "leaving:app", SIDELIGHT_DIR=str(store)).ready()


@pytest.fixture
def sidecar(store: Path, tmp_path: Path, receiver: Receiver, server: Server) -> Iterator[Sidecar]:
    """A sidecar that sends there, once all of its series are there."""
    with Sidecar(store, tmp_path, "--otlp", receiver.endpoint, **OFTEN) as found:
        eventually(lambda: receiver.has_series_of(found))
        yield found


def test_requests_in_flight_are_zero_when_they_end(
    receiver: Receiver, server: Server, sidecar: Sidecar
) -> None:
    """They are 1, then 0 while the service runs, and have no value when it has ended."""
    with connect(f"ws://127.0.0.1:{server.port}/chat"), request_in_background(server, "/wait/x"):
        eventually(lambda: [receiver.values(name) for name in COUNTS] == [[1], [1], [1]])
        eventually(lambda: receiver.values(OLDEST) > [0.1])
        server.get("/release", "POST")
    eventually(lambda: [receiver.values(name) for name in (*COUNTS, OLDEST)] == [[0]] * 4)
    zeros = receiver.all_values(OLDEST).count(0)
    eventually(lambda: receiver.all_values(OLDEST).count(0) > zeros + 3)
    server.stop()
    eventually(lambda: all(map(receiver.ended, (*COUNTS, OLDEST))))
    assert [receiver.all_values(name)[-1] for name in (*COUNTS, OLDEST)] == [0] * 4
    assert set(receiver.all_values(ACTIVE)) == {0, 1}
    eventually(lambda: receiver.has_series_of(sidecar))


def test_a_worker_that_is_killed_has_no_requests(
    receiver: Receiver, server: Server, sidecar: Sidecar
) -> None:
    """After the only worker is killed, its requests in flight are 0, and then have no value."""
    with request_in_background(server, "/wait/x"):
        eventually(lambda: receiver.values(ACTIVE) == [1])
        server.process.kill()
        server.process.wait()
    eventually(lambda: receiver.ended(ACTIVE) and receiver.ended(OLDEST))
    assert [receiver.all_values(name)[-1] for name in (ACTIVE, OLDEST)] == [0, 0]
    eventually(lambda: receiver.has_series_of(sidecar))


def test_series_that_leave_end(receiver: Receiver, server: Server, sidecar: Sidecar) -> None:
    """A gauge that is removed, an executor that is shut down and a worker that stops end."""
    gift, plain = 'shop_open_orders{kind="gift"}', 'shop_open_orders{kind="plain"}'
    executor = 'python_executor_capacity{executor="letters"}'
    eventually(lambda: [receiver.values(n) for n in (gift, plain, executor)] == [[3], [5], [1]])
    server.get("/leave", "POST")
    eventually(lambda: receiver.ended(gift) and receiver.ended(executor))
    assert (receiver.values(plain), set(receiver.all_values(gift))) == ([5], {3})
    eventually(lambda: receiver.has_series_of(sidecar))
    server.stop()
    eventually(lambda: receiver.ended(plain) and receiver.ended("process_open_fds"))
    eventually(lambda: receiver.has_series_of(sidecar))


def test_all_series_end_with_the_sidecar(receiver: Receiver, sidecar: Sidecar) -> None:
    """When the sidecar stops, its last values are there, and no series has a value any more."""
    assert sidecar.stop() == 0
    eventually(lambda: receiver.ended(SERVING))
    assert receiver.all_values(SERVING)[-1] == 1
    assert receiver.series() == set()
