"""The drill of one bad instance of three: its requests fail, and those of the others do not."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from tests.drill.crowd import Call, Crowd
from tests.drill.drilling import drill
from tests.drill.faults import Fault, Names
from tests.drill.instances import WithInstances
from tests.drill.stack import Stack, stack

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.newest, pytest.mark.timeout(900)]

SCALE = Fraction(1, 30)
ALERT = "AvailabilityErrorBudgetBurn"


@contextmanager
def one_of_three(found: Stack, _: Crowd) -> Iterator[Names]:
    """Two instances come; the searches of the second one fail, and those of the others do not."""
    assert isinstance(found, WithInstances)
    with ExitStack() as parts:
        good, bad = (parts.enter_context(found.another(name)) for name in ("good", "bad"))
        parts.enter_context(Crowd(good, (Call("GET", "/search"),), lambda _: 10.0, 4))
        parts.enter_context(Crowd(bad, (Call("GET", "/search?wrong=1"),), lambda _: 10.0, 4))
        yield lambda heard: heard.labels["service"] == "shop"
        bad_sidecar = f"127.0.0.1:{found.sidecars[-1].port}"
        assert found.why()["causes"][0]["labels"]["instance"] == bad_sidecar


def test_a_bad_instance(tmp_path: Path) -> None:
    """Its errors page, and `sidelight why` names the instance, the route and the exception."""
    fault = Fault("one bad instance of three", ALERT, True, one_of_three, ("instance",), "/search")
    with stack(tmp_path, SCALE, WithInstances) as found, Crowd(found.port) as crowd:
        drill(found, crowd, fault)
