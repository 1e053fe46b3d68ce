"""The drill of a bad canary: a new version runs beside the old one, and its requests fail."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest

from tests.drill.crowd import Call, Crowd, slow
from tests.drill.drilling import check_drill
from tests.drill.fault import Fault, Names
from tests.drill.instances import WithInstances
from tests.drill.stack import stack

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.newest, pytest.mark.timeout(900)]

SCALE = Fraction(1, 30)
OLD, NEW = "1.0.0", "2.0.0"
ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"
COMPARED = (
    r"Most of them are on GET /search, with SearchError\..+"
    rf"Of the requests to version {NEW}, [\d.]+% failed with a 5xx status.+"
    rf"Of the requests to version {OLD}, 0% failed with a 5xx status"
)


def version(of: str) -> str:
    """A resource attribute."""
    return f"service.version={of}"


@contextmanager
def canary(found: WithInstances) -> Iterator[int]:
    """An instance of the new version with usual requests, on a port."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as parts:
        patch.setenv(ATTRIBUTES, version(NEW))
        port = parts.enter_context(found.another("canary"))
        with Crowd(port, pace=slow, clients=6):
            yield port


@contextmanager
def failing(port: int, *_: object) -> Iterator[Names]:
    """Searches fail in the instance on a port."""
    with Crowd(port, (Call("GET", "/search?wrong=1"),), lambda _: 10.0, 4, keep=1):
        yield lambda heard: re.search(COMPARED, heard.text) is not None


def test_a_bad_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its errors page; the description names the route, the exception, and both versions."""
    monkeypatch.setenv(ATTRIBUTES, version(OLD))
    with stack(tmp_path, SCALE, WithInstances) as found, Crowd(found.port) as crowd:
        assert isinstance(found, WithInstances)
        with canary(found) as port:
            fault = Fault(
                claim="a bad canary",
                alert="AvailabilityErrorBudgetBurn",
                pages=True,
                during=partial(failing, port),
                kind="version",
                route="/search",
                exception="SearchError",
                labels=lambda _: {"service_version": NEW},
            )
            check_drill(found, crowd, fault)
