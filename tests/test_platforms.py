"""Where the system or the interpreter lacks something, requests are served all the same."""

import os
import subprocess
import sys
import threading
from importlib.util import find_spec

import pytest

from sidelight.extension import PURE
from sidelight.runtime.thread_frame import frame_of
from sidelight.store.atomic_add import FREE_THREADED

WITHOUT_LOCKS = """
import asyncio, os, sys
from fastapi import FastAPI
from tests.asgi.driver import call
for module in ("fcntl", "resource", "grp"):
    sys.modules[module] = None
for name in ("pread", "memfd_create", "posix_fallocate", "getuid"):
    delattr(os, name)
from sidelight import SidelightMiddleware
app = FastAPI()
app.get("/hello")(lambda: "hi")
app.add_middleware(SidelightMiddleware, directory="/nowhere/at/all")
assert call(app, "GET", "/hello").status == 200
print(call(app, "GET", "/metrics").page.routes)
"""

WITHOUT_A_GIL = """
from sidelight import SidelightMiddleware
from sidelight.extension import WAY
app = FastAPI()
app.get("/hello")(lambda: "hi")
app.add_middleware(SidelightMiddleware)
assert call(app, "GET", "/hello").status == 200
print(WAY, call(app, "GET", "/metrics").page.routes, sys._is_gil_enabled())
"""


def test_without_locks_a_process_measures_alone() -> None:
    """A system without file locks, users or positioned reads (Windows) measures in process."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LOCKS], capture_output=True, text=True, check=False
    )
    assert done.stdout == "{'/hello': 1.0}\n"
    assert "requests are measured" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.skipif(not FREE_THREADED, reason="this Python has a GIL")
@pytest.mark.parametrize("pure", ["0", "1"])
def test_the_gil_stays_off(pure: str) -> None:
    """A measured request turns no GIL on, and no import warns of that."""
    code = WITHOUT_LOCKS.partition("for module")[0] + WITHOUT_A_GIL
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, PURE: pure},
        capture_output=True,
        text=True,
        check=False,
    )
    built = find_spec("sidelight._fastpath") is not None
    way = "native" if pure == "0" and built else "python"
    assert done.stdout == f"{way} {{'/hello': 1.0}} False\n", done.stderr


def test_no_stack_is_read_while_its_thread_may_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GIL a thread goes on while another reads its frames, which may crash."""
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    found = frame_of(threading.get_ident())
    assert found is not None
    assert found.f_back is sys._getframe()
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False)
    assert frame_of(threading.get_ident()) is None
