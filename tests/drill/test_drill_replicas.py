"""The drill with two Prometheus that scrape, and a third that they write to and that alerts."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest
import yaml

from tests.drill.crowd import Crowd
from tests.drill.drilling import check_drill
from tests.drill.faults import FAULTS
from tests.drill.stack import AGAIN, Stack, stack
from tests.live.replicas import replicas

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.newest, pytest.mark.timeout(900)]

SCALE = Fraction(1, 30)


class OnReplicas(Stack):
    """The stack with three Prometheus."""

    @contextmanager
    def _store(self) -> Iterator[int]:
        config = yaml.safe_load(self._config())
        scrape = {name: config.pop(name) for name in ("global", "scrape_configs")}
        resend = f"--rules.alert.resend-delay={AGAIN}"
        with replicas(self.where, scrape, config, resend) as found:
            yield found.port


def test_errors_then_latency(tmp_path: Path) -> None:
    """Errors, then latency, on a route page once, by Prometheus's alert, and resolve."""
    faults = {fault.claim: fault for fault in FAULTS}
    with stack(tmp_path, SCALE, OnReplicas) as found, Crowd(found.port) as crowd:
        check_drill(found, crowd, faults["errors on one route"])
        check_drill(found, crowd, faults["latency on one route"])
