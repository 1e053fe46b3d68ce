"""What every test starts from: no setting but its own, and nobody else's metrics."""

import gc
import logging
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from sidelight.extension import PURE
from sidelight.runtime import instruments
from tests import order, processes

settings.register_profile("patient", deadline=None)  # another process may have the machine
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    """Nothing that a test starts outlives the run."""
    processes.guard()
    if version("starlette").startswith("0."):
        # These versions leave streams open when an application fails. The warning comes when they
        # are collected: in whichever test is running then.
        config.addinivalue_line(
            "filterwarnings", "ignore:Unclosed <MemoryObject.*Stream>:ResourceWarning"
        )


def pytest_unconfigure() -> None:
    """What started the servers ends with the run."""
    processes.end()


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that share something started run in one process; tests that take long run first."""
    order.grouped(items)
    # In one process, a fixture of a module would be made anew after each test of another.
    several = getattr(config.option, "loadgroup", False)
    items[:] = order.ordered(items, taking_turns=several)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop a run in which pytest-xdist keeps no group together: it would take twice as long."""
    if getattr(session.config.option, "loadgroup", False):
        for item in session.items:
            if item.get_closest_marker("xdist_group") and "@" not in item.nodeid:
                raise pytest.UsageError(f"pytest-xdist does not know the group of {item.nodeid}")
    # What has been imported stays: to look for garbage in it costs half a second each time.
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of whoever runs the tests don't reach them."""
    for name in os.environ:
        if name.startswith(("SIDELIGHT_", "OTEL_", "PROMETHEUS_")) and name != PURE:
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def nothing_early() -> None:
    """What another test measured outside of an application is not written to this test's files."""
    instruments._early.clear()


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


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A registry of prometheus_client in place of the default one."""
    client = pytest.importorskip("prometheus_client")
    found = client.CollectorRegistry(auto_describe=True)
    monkeypatch.setattr(client, "REGISTRY", found)
    return found
