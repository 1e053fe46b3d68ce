"""A wrong option under the servers and harnesses that start an application."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from asgi_lifespan import LifespanManager
from fastapi import FastAPI

from sidelight import SidelightMiddleware
from sidelight.errors import SettingsError

SERVICE = """
from fastapi import FastAPI
from sidelight import SidelightMiddleware
app = FastAPI()
app.add_middleware(SidelightMiddleware, nonsense=1)
"""
COMMANDS = {
    "uvicorn": ["uvicorn", "wrong:app", "--port", "0"],
    "hypercorn": ["hypercorn", "wrong:app", "--bind", "127.0.0.1:0"],
    "hypercorn-trio": ["hypercorn", "wrong:app", "--bind", "127.0.0.1:0", "-k", "trio"],
    "gunicorn": [
        "gunicorn",
        "wrong:app",
        "-k",
        "uvicorn_worker.UvicornWorker",
        "-b",
        "127.0.0.1:0",
    ],
    "granian": ["granian", "--interface", "asgi", "wrong:app", "--port", "0"],
}


@pytest.mark.slow
@pytest.mark.parametrize("server", COMMANDS)
def test_a_wrong_option_stops_each_server(server: str, tmp_path: Path) -> None:
    """Each server ends by itself, with the reason in its log."""
    (tmp_path / "wrong.py").write_text(SERVICE)
    command = [sys.executable, "-m", *COMMANDS[server]]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert "nonsense=1: unknown option" in done.stdout + done.stderr
    assert (done.returncode == 0) == server.startswith("hypercorn")  # as after any failed start


def test_a_wrong_option_ends_a_lifespan_manager() -> None:
    """A harness that runs only the lifespan raises the reason."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, nonsense=1)  # type: ignore[call-arg] # wrong on purpose

    async def start() -> None:
        with pytest.raises(SettingsError, match="nonsense"):
            async with LifespanManager(app):
                raise AssertionError

    asyncio.run(start())
