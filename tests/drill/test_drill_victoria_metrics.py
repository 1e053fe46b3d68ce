"""The drill with VictoriaMetrics and vmalert in the place of Prometheus, fed in three ways."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.drill.errors_then_latency import drilled
from tests.drill.inbox import PAGES
from tests.drill.stack import Stack
from tests.live.prometheus import prometheus
from tests.live.sidecars import Sidecar
from tests.live.victoria_metrics import OTLP_PATH, victoria_metrics, vmalert
from tests.marks import slow_live

pytestmark = slow_live(1200)

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
    with drilled(tmp_path, kind) as found:
        pages = {one.name for one in found.inbox.since(0) if one.receiver == PAGES}
        assert pages == {"AvailabilityErrorBudgetBurn", "LatencyErrorBudgetBurn"}
