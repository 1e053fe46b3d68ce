"""The checks see an application as in a process of its own."""

from collections.abc import Iterator

import pytest

from sidelight.doctor import machine, registries
from tests.doctor.fake_prometheus import Prometheus
from tests.serving import serving


@pytest.fixture(autouse=True)
def no_registries_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registries that other tests have left in this process are no application's."""
    monkeypatch.setattr(registries, "registries", list)


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this machine had a compiler is no finding of a test."""
    monkeypatch.setattr(machine, "extension", object())


@pytest.fixture
def prometheus() -> Iterator[str]:
    """The address of a `Prometheus`."""
    with serving(Prometheus) as port:
        yield f"http://127.0.0.1:{port}"
