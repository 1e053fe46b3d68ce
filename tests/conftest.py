"""What every test starts from: no setting but its own, and nobody else's metrics."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import processes

settings.register_profile("patient", deadline=None)  # another process may have the machine
settings.load_profile("patient")


def pytest_configure() -> None:
    """Nothing that a test starts outlives the run."""
    processes.guard()


def pytest_unconfigure() -> None:
    """What started the servers ends with the run."""
    processes.end()


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests don't reach them."""
    for name in os.environ:
        if name.startswith(("SIDELIGHT_", "OTEL_", "PROMETHEUS_")):
            monkeypatch.delenv(name)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without any file of settings."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Log records of Sidelight's own loggers."""
    with caplog.at_level(logging.DEBUG, logger="sidelight"):
        yield caplog
