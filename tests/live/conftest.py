"""Servers for the tests that need real ones."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.live.servers import PATIENCE, Server, of_uvicorn

Serve = Callable[..., Server]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Live tests look at /proc, signals and tmpfs."""
    if sys.platform != "linux":
        for item in items:
            if "live" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="watches processes through Linux's /proc"))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server: its command (``{port}`` is filled in) and environment."""
    started: list[Server] = []

    def start(*command: str, spawned: bool = False, **env: str) -> Server:
        server = Server(command, env, tmp_path, spawned=spawned)
        started.append(server)
        return server

    yield start
    for server in started:
        server.destroy()


@pytest.fixture
def uvicorn(serve: Serve) -> Serve:
    """Start uvicorn: the number of workers, the application, more arguments."""

    def start(
        workers: int = 1,
        app: str = "service:app",
        *more: str,
        spawned: bool = False,
        **env: str,
    ) -> Server:
        command = "uvicorn", app, "--port", "{port}", "--log-level", "warning"
        return serve(*command, *of_uvicorn(workers), *more, spawned=spawned, **env)

    return start


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A directory for SIDELIGHT_DIR, not made yet, on the same kind of file system as others."""
    return tmp_path / "store"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this host's own, with its key."""
    program = shutil.which("openssl") or pytest.skip("makes a certificate with openssl")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    options = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subject = "-subj /CN=localhost -addext subjectAltName=DNS:localhost"
    command = [program, *options.split(), *subject.split(), "-keyout", str(file), "-out", "-"]
    made = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
    file.write_bytes(file.read_bytes() + made.stdout)
    return file
