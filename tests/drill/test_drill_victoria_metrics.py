"""The drill with VictoriaMetrics and vmalert in the place of Prometheus, fed in three ways."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from tests.drill.crowd import Crowd, slow
from tests.drill.drilling import drill
from tests.drill.faults import FAULTS
from tests.drill.stack import Stack, stack
from tests.live.prometheus import prometheus
from tests.live.sidecars import Sidecar
from tests.live.victoria_metrics import OTLP_PATH, victoria_metrics, vmalert

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.newest,
    pytest.mark.timeout(1200),
]

SCALE = Fraction(1, 15)
"""Rules every 4 seconds: what vmalert writes is found about a second later."""
MOST = 300.0
SCRAPE = """\
global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""
WRITE = """\
remote_write:
  - {{url: "http://127.0.0.1:{port}/api/v1/write", queue_config: {{batch_send_deadline: 200ms}}}}
"""


class OnVictoriaMetrics(Stack):
    """The stack whose rules vmalert evaluates. VictoriaMetrics scrapes by itself."""

    @contextmanager
    def _store(self) -> Iterator[int]:
        notifier = f"http://127.0.0.1:{self.alertmanager}"
        with (
            victoria_metrics(self.where, *self._flags()) as port,
            self._feed(port),
            vmalert(self.where, port, [self._rules("--classic-histograms")], notifier),
        ):
            yield port

    def _flags(self) -> tuple[str, ...]:
        config = self.where / "scrape.yml"
        config.write_text(self._scrape())
        return (f"-promscrape.config={config}",)

    @contextmanager
    def _feed(self, _: int) -> Iterator[None]:
        yield

    def _scrape(self) -> str:
        return SCRAPE.format(interval=self.time("30s"), port=self.sidecar.port)


class ByRemoteWrite(OnVictoriaMetrics):
    """A Prometheus scrapes, and writes to it."""

    def _flags(self) -> tuple[str, ...]:
        return ()

    @contextmanager
    def _feed(self, port: int) -> Iterator[None]:
        with prometheus(self._scrape() + WRITE.format(port=port), self.where):
            yield


class ByOtlp(OnVictoriaMetrics):
    """A second sidecar of the same directory sends to it, and nobody scrapes."""

    def _flags(self) -> tuple[str, ...]:
        return ()

    @contextmanager
    def _feed(self, port: int) -> Iterator[None]:
        often = {
            "OTEL_METRIC_EXPORT_INTERVAL": str(round(self.seconds("30s") * 1000)),
            "OTEL_SERVICE_NAME": "shop",
        }
        where = f"http://127.0.0.1:{port}{OTLP_PATH}"
        with Sidecar(self.store, self.where, "--otlp", where, **often):
            yield


@pytest.mark.parametrize("kind", [OnVictoriaMetrics, ByRemoteWrite, ByOtlp])
def test_errors_then_latency(kind: type[OnVictoriaMetrics], tmp_path: Path) -> None:
    """Errors, then latency, on a route page once, by Prometheus's alert, and resolve."""
    faults = {fault.claim: fault for fault in FAULTS}
    with stack(tmp_path, SCALE, kind) as found, Crowd(found.port, pace=slow) as crowd:
        drill(found, crowd, faults["errors on one route"], MOST)
        drill(found, crowd, faults["latency on one route"], MOST)
