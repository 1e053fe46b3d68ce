"""The drill: each fault in turn, an hour of the rules in two minutes."""

import time
from collections.abc import Iterator
from fractions import Fraction

import pytest

from tests.drill.crowd import Crowd, bursty
from tests.drill.drilling import check_drill
from tests.drill.fault import Fault
from tests.drill.faults import FAULTS
from tests.drill.stack import WORKERS, Stack, stack
from tests.live.servers import roll

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(1200)]

SCALE = Fraction(1, 30)
HEALTHY = 120.0
"""Seconds: an hour of the rules. The 10 minutes asked for would be 20 seconds."""


@pytest.fixture(scope="module")
def drilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Crowd]]:
    """One stack for all faults, as in life: what one leaves behind meets the next."""
    with stack(tmp_path_factory.mktemp("drill"), SCALE) as found, Crowd(found.port) as crowd:
        yield found, crowd


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.claim)
def test_fault(drilled: tuple[Stack, Crowd], fault: Fault) -> None:
    """The right alert comes, names whom it must, ends with the fault, and no other page comes."""
    check_drill(*drilled, fault)


def test_healthy_bursts_are_no_news(tmp_path_factory: pytest.TempPathFactory) -> None:
    """An hour of bursts and quiet, with a deploy in it, is neither page nor ticket."""
    where = tmp_path_factory.mktemp("healthy")
    with stack(where, SCALE) as found, Crowd(found.port, pace=bursty) as crowd:
        began = time.monotonic()
        time.sleep(HEALTHY / 2)
        roll(found.service, WORKERS)
        time.sleep(max(0.0, began + HEALTHY - time.monotonic()))
        heard = found.inbox.since(began)
    assert sum(crowd.answered.values()) > HEALTHY * 10
    assert heard == []
