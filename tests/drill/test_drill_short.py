"""The short drill: two of the faults, with an hour of the rules in 90 seconds."""

from fractions import Fraction
from pathlib import Path

import pytest

from tests.drill.crowd import Crowd, slow
from tests.drill.drilling import check_drill
from tests.drill.faults import FAULTS
from tests.drill.stack import stack

pytestmark = [pytest.mark.live, pytest.mark.timeout(400), pytest.mark.xdist_group("drill")]

SCALE = Fraction(1, 40)
SHORT = {fault.claim: fault for fault in FAULTS}


def test_errors_then_down(tmp_path: Path) -> None:
    """Errors on a route, and then the stop of the service, page once each, and resolve."""
    with stack(tmp_path, SCALE) as found, Crowd(found.port, pace=slow, clients=6) as crowd:
        check_drill(found, crowd, SHORT["errors on one route"])
        check_drill(found, crowd, SHORT["the service down"])
