"""The short form of the drill: two of its faults, an hour in a minute."""

from fractions import Fraction
from pathlib import Path

import pytest

from tests.drill.crowd import Crowd
from tests.drill.drilling import drill
from tests.drill.faults import FAULTS
from tests.drill.stack import stack

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

SCALE = Fraction(1, 60)
SHORT = {fault.claim: fault for fault in FAULTS}


def test_errors_then_down(tmp_path: Path) -> None:
    """Errors on a route and then the service's end page once each, by name, and resolve."""
    with stack(tmp_path, SCALE) as found, Crowd(found.port) as crowd:
        drill(found, crowd, SHORT["errors on one route"])
        drill(found, crowd, SHORT["the service down"])
