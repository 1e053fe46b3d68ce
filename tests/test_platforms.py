"""Where the system or the interpreter lacks something, requests are served all the same."""

import logging
import subprocess
import sys
from typing import Any

import pytest
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from tests.asgi.driver import call

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


def test_without_locks_a_process_measures_alone() -> None:
    """A system without file locks, users or positioned reads (Windows) measures in process."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LOCKS], capture_output=True, text=True, check=False
    )
    assert done.stdout == "{'/hello': 1.0}\n"
    assert "requests are measured" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_without_a_gil_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where threads run at once, counts would be lost: requests pass, and the log says so."""
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    app = FastAPI()

    @app.get("/hello")
    def hello() -> Any:
        return "hi"

    app.add_middleware(SidelightMiddleware)
    with caplog.at_level(logging.ERROR, "sidelight"):
        assert call(app, "GET", "/hello").status == 200
        page = call(app, "GET", "/metrics").text
    assert 'sidelight_internal_errors_total{where="store_no_gil"} 1' in page
    assert "without a GIL" in caplog.text
