"""The checks see an application as in a process of its own."""

import pytest

from sidelight.doctor import machine, registries


@pytest.fixture(autouse=True)
def no_registries_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registries that other tests have left in this process are no application's."""
    monkeypatch.setattr(registries, "registries", list)


@pytest.fixture(autouse=True)
def native(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this machine had a compiler is no finding of a test."""
    monkeypatch.setattr(machine, "extension", object())
