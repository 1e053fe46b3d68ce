"""The shop, a faulty service and a service without Sidelight, and a Prometheus that scrapes them.

They get no request until `World.load` is called: the first checks are of an unused service.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.dashboards.querying import check_sound
from tests.dashboards.shoppers import shoppers
from tests.dashboards.stack import (
    OBJECTIVES,
    SHOP,
    constant_response,
    crowd,
    prometheus,
    served,
)
from tests.live.otlp_receiver import Receiver
from tests.live.prometheus import query
from tests.live.servers import Server, eventually, free_port, of_uvicorn
from tests.live.sidecars import Sidecar

BUSY = {
    "/health": 4,
    "/products/none": 1,
    "/busy-pool": 10,
    "/busy-executor": 4,
    "/upstream": 1,
    "/upstream-error": 1,
    "/invalid-response": 1,
    "/report": 1,
    "/orders/1/events": 1,
    "!/orders/1/events": 1,
}
"""The clients of each path of the shop; ``!`` is for clients that disconnect early."""
NATIVE = {"/items/7": 2, "/items/10": 1, "/items/none": 1, "/users": 1, "/nowhere": 1, "/broken": 1}
"""The clients of each path of the service without Sidelight."""


class World(NamedTuple):
    """The servers that tests talk to, and the store of the shop."""

    shop: Server
    faulty: Server
    native: Server
    port: int
    collector: Receiver
    store: Path

    def harm(self) -> None:
        """Tear a file, reach the series limit, fail an export, kill a worker."""
        (self.store / "torn.worker").write_bytes(b"torn" * 64)
        self.collector.status = 503
        for number in range(120):
            self.faulty.get(f"/things/{number}")
        with crowd(self.shop, {"/orders/1/events": 8}):
            eventually(self._kill)
        self.collector.status = 200

    def _kill(self) -> bool:
        """Kill a worker. Whether requests were lost with one."""
        died = 'sum(sidelight_worker_exits_total{job="shop",how="died"})'
        before = sum(float(found["value"][1]) for found in query(self.port, died))
        self.shop.kill(eventually(lambda: self.shop.workers()[:2])[0])
        eventually(lambda: query(self.port, f"{died} > {before}"))
        eventually(lambda: query(self.port, 'sum(sidelight_workers{job="shop"}) == 2'))
        return bool(query(self.port, 'sum(fastapi_requests_lost_total{job="shop"}) > 0'))

    @contextmanager
    def load(self, rate: int = 20) -> Iterator[None]:
        """Requests to all services: of the shop, so many per second and those of `BUSY`."""
        with (
            shoppers(self.shop, rate=rate),
            crowd(self.shop, BUSY),
            crowd(self.native, NATIVE),
        ):
            yield


@contextmanager
def servers(where: Path) -> Iterator[World]:
    """The shop on two workers with its sidecar, the other services, and a missing target."""
    (where / "sidelight.toml").write_text(OBJECTIVES)
    folders = {name: where / name for name in ("faulty", "native")}
    for folder in folders.values():
        folder.mkdir()
    store = where / "store"
    with ExitStack() as parts:
        collector = parts.enter_context(Receiver())
        faulty, native = (
            parts.enter_context(served(f"{name}:app", folder, {}))
            for name, folder in folders.items()
        )
        shop = parts.enter_context(served("busy:app", where, _env(store, faulty), *of_uvicorn(2)))
        often = {"OTEL_METRIC_EXPORT_INTERVAL": "500"}
        sidecar = parts.enter_context(Sidecar(store, where, "--otlp", collector.url, **often))
        silent = parts.enter_context(constant_response("other_metric 1\n"))
        jobs = {
            "shop": [sidecar.port, silent, free_port()],
            "faulty": [faulty.port],
            "native": [native.port],
        }
        port = parts.enter_context(prometheus(jobs, where))
        eventually(lambda: query(port, 'sum(sidelight_workers{job="shop"}) == 2'))
        yield World(shop, faulty, native, port, collector, store)


def _env(store: Path, upstream: Server) -> Mapping[str, str]:
    return {
        "SIDELIGHT_DIR": str(store),
        "SIDELIGHT_SERVICE_VERSION": "1.0.0",
        "SIDELIGHT_PHASE_SAMPLE_INTERVAL": "1",
        "SIDELIGHT_LOOP_BLOCK_THRESHOLD": "0.02",  # the report takes less than 0.1 s
        "UPSTREAM": f"http://127.0.0.1:{upstream.port}",
        "PYTHONPATH": f"{SHOP}:{Path(__file__).parents[2] / 'instrumentation'}",
    }


@contextmanager
def world(where: Path) -> Iterator[World]:
    """The servers under load, after no query had an error or NaN while they were unused."""
    with servers(where) as found:
        eventually(lambda: query(found.port, "min(prometheus_rule_group_iterations_total) > 1"))
        eventually(lambda: query(found.port, 'count(up{job!="prometheus"}) == 5'))
        check_sound(found.port)
        with found.load(rate=6):
            found.harm()
            yield found
