"""`sidelight.watch`: what it accepts, what it refuses, and that it changes nothing else."""

import copy
import gc
import inspect
import pickle
import subprocess
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sidelight import SidelightError, watch
from sidelight.runtime import adapters, instruments, watching
from sidelight.runtime.adapters.executors import ThreadExecutor
from tests.runtime.reading import Worker, eventually

CAPACITY = "python_executor_capacity"


def executor() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1)


@pytest.mark.parametrize("obj", [object(), 5, None, "redis://", ThreadPoolExecutor])
def test_the_error_for_an_unknown_object_lists_the_known_classes(obj: object, name: str) -> None:
    """The error names the class of what was given, and every class that can be watched."""
    with pytest.raises(SidelightError) as caught:
        watch(obj, name=name)
    text = str(caught.value)
    given = obj if isinstance(obj, type) else type(obj)
    assert f"{given.__module__}.{given.__qualname__};" in text
    assert all(known in text for known in adapters.KNOWN)


@pytest.mark.parametrize("wrong", ["", None, 5])
def test_a_name_is_a_text(wrong: Any) -> None:
    """A name that is not a string is refused, with an example of a valid one."""
    with pytest.raises(SidelightError, match="such as 'orders'"):
        watch(executor(), name=wrong)


def test_one_object_has_one_name(name: str, worker: Worker) -> None:
    """The same name again changes nothing; another name is an error that contains both."""
    found = watch(executor(), name=name)
    kind = type(found)
    assert watch(found, name=name) is found
    assert type(found) is kind
    assert found.submit(int).result() == 0
    with pytest.raises(SidelightError, match=f"'{name}' and not 'another'"):
        watch(found, name="another")
    assert worker.histogram("python_executor_run_seconds", name)[0] == 1


def test_a_name_is_taken_while_its_object_lives(name: str) -> None:
    """A second object of that name is refused until the first one is freed or shut down."""
    first = watch(executor(), name=name)
    with pytest.raises(SidelightError, match=f"'{name}' is taken"):
        watch(executor(), name=name)
    first.shutdown()
    second = watch(executor(), name=name)
    del second
    gc.collect()
    watch(executor(), name=name)


def test_a_freed_object_has_no_gauges(worker: Worker, name: str) -> None:
    """A watched object is freed as early as without watching, and its gauges end."""
    found = watch(executor(), name=name)
    assert worker.gauge(CAPACITY, name) == 1
    gone = weakref.ref(found)
    gc.disable()
    try:
        del found
        assert gone() is None
    finally:
        gc.enable()
    assert worker.gauge(CAPACITY, name) is None
    assert worker.all(CAPACITY).get((name, "0")) is None


def test_a_bound_method_keeps_its_object(name: str) -> None:
    """An object lives as long as a reference to one of its bound methods."""
    submit = watch(executor(), name=name).submit
    gc.collect()
    assert submit(int, "7").result() == 7


def test_an_object_has_the_same_repr_class_name_and_signatures(name: str) -> None:
    """Its repr, its class's name, its signatures and what it is an instance of stay."""
    found = executor()
    before = repr(found), inspect.signature(found.submit), found.submit.__doc__
    assert watch(found, name=name) is found
    assert (repr(found), inspect.signature(found.submit), found.submit.__doc__) == before
    assert isinstance(found, ThreadPoolExecutor)
    assert type(found).__qualname__ == "ThreadPoolExecutor"


class Kept(ThreadPoolExecutor):
    """An executor that can be pickled."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size

    def __reduce__(self) -> tuple[type["Kept"], tuple[int]]:
        return type(self), (self.size,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_and_copies_are_of_the_former_class(protocol: int, name: str) -> None:
    """What can be pickled or copied still can, and the copy is not watched."""
    found = watch(Kept(3), name=name)
    for made in (pickle.loads(pickle.dumps(found, protocol)), copy.copy(found)):  # noqa: S301 our own
        assert type(made) is Kept
        assert made.size == 3


def test_a_library_unknown_in_this_version_stays_unmeasured(
    name: str, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    """Where an adapter finds no method of the name it knows, the object works on as it is."""

    def no_such_method() -> None: ...

    monkeypatch.setattr(ThreadExecutor, "methods", lambda self, base: [no_such_method])
    found = watch(executor(), name=name)
    assert type(found) is ThreadPoolExecutor
    assert f"can't watch '{name}'" in logged.text
    watch(executor(), name=name)


def test_faults_are_counted_and_do_not_reach_the_caller(
    worker: Worker, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault while measuring changes no result; `sidelight_internal_errors_total` counts it."""
    found = watch(executor(), name=name)
    monkeypatch.setattr("sidelight.runtime.adapters.executors.WAIT", None)
    monkeypatch.setattr(
        "sidelight.runtime.adapters.executors.instruments.observe", lambda *a: 1 / 0
    )
    assert found.submit(int, "5").result() == 5
    found.shutdown()
    assert worker.counter("sidelight_internal_errors_total", "watch") == 2


def test_turned_off_nothing_is_watched(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With SIDELIGHT_DISABLED objects are not changed; an unknown one is still an error."""
    monkeypatch.setenv("SIDELIGHT_DISABLED", "1")
    assert type(watch(executor(), name=name)) is ThreadPoolExecutor
    with pytest.raises(SidelightError):
        watch(object(), name=name)


@pytest.mark.usefixtures("no_worker")
def test_measurements_before_there_is_a_worker_are_kept(name: str) -> None:
    """Calls from before any middleware has a file are recorded when it gets one."""
    found = watch(executor(), name=name)
    found.submit(int).result()
    found.shutdown()
    late = Worker()
    instruments.attach(late.file)
    assert late.histogram("python_executor_run_seconds", name)[0] == 1
    instruments.detach(late.file)


def test_importing_sidelight_imports_no_adapter() -> None:
    """`watch` and its adapters are imported on use, and they import no library."""
    code = (
        "import sys, sidelight\n"
        "assert 'sidelight.runtime.watching' not in sys.modules\n"
        "sidelight.watch\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "sidelight.watch(ThreadPoolExecutor(1), name='x')\n"
        "heavy = {'sqlalchemy', 'asyncpg', 'psycopg', 'psycopg_pool', 'redis', 'httpx', 'httpx2'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-W", "error", "-c", code], check=False).returncode == 0


def test_a_forked_child_starts_with_empty_counts(name: str) -> None:
    """After a fork nothing of the parent's calls is in use or waits, and new ones count."""
    code = (
        "import os, threading, sidelight\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from sidelight.runtime import watching\n"
        "ex = sidelight.watch(ThreadPoolExecutor(1), name='x')\n"
        "free = threading.Event()\n"
        "ex.submit(free.wait); ex.submit(int)\n"
        "values = lambda: [r.value for r in watching._readings()]\n"
        "assert values() == [1, 1, 1], values()\n"
        "pid = os.fork()\n"
        "if not pid:\n"
        "    other = sidelight.watch(ThreadPoolExecutor(2), name='y')\n"
        "    other.submit(int).result()\n"
        "    other.shutdown()\n"
        "    os._exit(values() != [1, 0, 0])\n"
        "free.set()\n"
        "assert os.waitpid(pid, 0)[1] == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == 0


def test_many_threads_may_watch_at_once(name: str) -> None:
    """Threads that watch one object under one name at once all succeed; it is watched once."""
    found = executor()
    errors: list[BaseException] = []

    def run() -> None:
        try:
            watch(found, name=name)
        except SidelightError as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert type(found).__mro__[1] is ThreadPoolExecutor
    eventually(lambda: watching._watched[name].source is found)


def test_names_are_bounded(
    worker: Worker, name: str, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    """Past the limit of names no object is watched, which is logged, and objects still work."""
    monkeypatch.setattr(watching, "_names", {str(number) for number in range(99)})
    found = [watch(executor(), name=f"{name}-{number}") for number in range(3)]
    assert [type(each) is ThreadPoolExecutor for each in found] == [False, True, True]
    assert f"'{name}-1'" in logged.text
    assert found[2].submit(int).result() == 0
