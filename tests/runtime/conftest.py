"""Servers, and a worker's file, for tests of what is watched."""

import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from weakref import WeakSet

import pytest

from sidelight.runtime import control_groups, instruments, process, watching
from sidelight.runtime.origin import ORIGIN
from tests.runtime import programs
from tests.runtime.reading import Worker

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def outside_of_requests() -> Iterator[None]:
    """What drives a request by hand, in another test, leaves its origin in this thread."""
    token = ORIGIN.set(None)
    yield
    ORIGIN.reset(token)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The folder of PostgreSQL's socket."""
    with programs.postgres() as where:
        yield where


@pytest.fixture(scope="session")
def redis() -> Iterator[Path]:
    """The socket of Redis."""
    with programs.redis() as socket:
        yield socket


@pytest.fixture(autouse=True)
def room_for_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the names of other tests, which together exceed the limit."""
    monkeypatch.setattr(watching, "_names", set())


@pytest.fixture
def name() -> str:
    """A name that no other test watches an object under."""
    return f"watched-{next(_numbers)}"


@pytest.fixture
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The state of a process without a middleware, whatever other tests have left."""
    monkeypatch.setattr(instruments, "_files", WeakSet())
    monkeypatch.setattr(instruments, "_targets", ())
    monkeypatch.setattr(instruments, "_early", deque(maxlen=instruments.MOST_EARLY))


@pytest.fixture
def worker() -> Iterator[Worker]:
    """A worker's file that everything is recorded in, from now on."""
    instruments._early.clear()
    found = Worker()
    instruments.attach(found.file)
    yield found
    instruments.detach(found.file)


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A system of files that the test makes: ``proc`` and ``groups``."""
    for module, name in ((process, "_PROC"), (control_groups, "PROC")):
        monkeypatch.setattr(module, name, tmp_path / "proc")
    (tmp_path / "groups").mkdir()
    control_groups._folders.cache_clear()
    yield tmp_path
    control_groups._folders.cache_clear()
