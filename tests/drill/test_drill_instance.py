"""The drill of one bad instance of three: its requests fail, and those of the others do not."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from tests.drill.crowd import Call, Crowd
from tests.drill.drilling import check_drill
from tests.drill.fault import Fault, Names
from tests.drill.instances import WithInstances
from tests.drill.stack import Stack, stack

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.newest, pytest.mark.timeout(900)]

SCALE = Fraction(1, 30)


@contextmanager
def one_of_three(found: Stack, _: Crowd) -> Iterator[Names]:
    """Two instances come; the searches of the second one fail, and those of the others do not."""
    assert isinstance(found, WithInstances)
    with ExitStack() as parts:
        good, bad = (parts.enter_context(found.another(name)) for name in ("good", "bad"))
        parts.enter_context(Crowd(good, (Call("GET", "/search"),), lambda _: 10.0, 4))
        parts.enter_context(Crowd(bad, (Call("GET", "/search?wrong=1"),), lambda _: 10.0, 4))
        yield lambda heard: "Most of them are on GET /search, with SearchError." in heard.text


def of_the_last(found: Stack) -> dict[str, str]:
    """The labels of a cause that is about the instance that came last."""
    assert isinstance(found, WithInstances)
    return {"instance": f"127.0.0.1:{found.sidecars[-1].port}"}


def test_a_bad_instance(tmp_path: Path) -> None:
    """Its errors page, and `sidelight why` names the instance, the route and the exception."""
    fault = Fault(
        claim="one bad instance of three",
        alert="AvailabilityErrorBudgetBurn",
        pages=True,
        during=one_of_three,
        kind="instance",
        route="/search",
        exception="SearchError",
        labels=of_the_last,
    )
    with stack(tmp_path, SCALE, WithInstances) as found, Crowd(found.port) as crowd:
        check_drill(found, crowd, fault)
