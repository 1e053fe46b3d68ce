"""The drill with VictoriaMetrics, which scrapes, and vmalert in the place of Prometheus."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from tests.drill.crowd import Crowd, slow
from tests.drill.drilling import drill
from tests.drill.faults import FAULTS
from tests.drill.stack import Stack, stack
from tests.live.victoria_metrics import victoria_metrics, vmalert

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.newest,
    pytest.mark.timeout(900),
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


class OnVictoriaMetrics(Stack):
    """The stack, without Prometheus."""

    @contextmanager
    def _store(self) -> Iterator[int]:
        config = self.where / "scrape.yml"
        config.write_text(SCRAPE.format(interval=self.time("30s"), port=self.sidecar.port))
        notifier = f"http://127.0.0.1:{self.alertmanager}"
        with (
            victoria_metrics(self.where, f"-promscrape.config={config}") as port,
            vmalert(self.where, port, [self._rules()], notifier),
        ):
            yield port


def test_errors(tmp_path: Path) -> None:
    """Errors on a route page once, by the alert that Prometheus fires, and resolve."""
    (fault,) = [fault for fault in FAULTS if fault.claim == "errors on one route"]
    with stack(tmp_path, SCALE, OnVictoriaMetrics) as found, Crowd(found.port, pace=slow) as crowd:
        drill(found, crowd, fault, MOST)
