"""PostgreSQL and Redis as installed on this machine, each in a folder of its own."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATIENCE = 60.0


def program(name: str, package: str) -> Path:
    """Where a program is; without it the test is skipped."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    places = os.pathsep.join([os.environ.get("PATH", ""), *map(str, folders)])
    found = shutil.which(name, path=places)
    if found is None:
        pytest.skip(f"{name} is not here: install {package} (Debian), or run make system")
    return Path(found)


@contextmanager
def folder(user: str | None) -> Iterator[Path]:
    """A folder with a short path, since sockets lie in it; of a user, if one is named."""
    made = Path(tempfile.mkdtemp(prefix="sl-"))
    if user is not None:
        shutil.chown(made, user)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def someone() -> str | None:
    """PostgreSQL refuses to run as root: then as the user of its package, or nobody."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in names)


@contextmanager
def running(
    command: list[str], where: Path, user: str | None, ready: Callable[[], bool]
) -> Iterator[None]:
    """A server, from when it is ready; it is ended by its pid."""
    log = where / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=where, stdout=out, stderr=out, stdin=subprocess.DEVNULL, user=user
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def postgres() -> Iterator[Path]:
    """The folder of a server's socket; all may connect as `test` to database `postgres`."""
    initdb, server = program("initdb", "postgresql"), program("postgres", "postgresql")
    psql = program("psql", "postgresql-client")
    user = someone()
    with folder(user) as where:
        data = where / "data"
        make = [
            str(initdb),
            "-D",
            str(data),
            "-A",
            "trust",
            "-U",
            "test",
            "--no-sync",
            "-E",
            "UTF8",
        ]
        subprocess.run(make, check=True, capture_output=True, cwd=where, user=user)
        command = [str(server), "-D", str(data), "-k", str(where), "-h", "", "-F"]
        asked = [str(psql), "-h", str(where), "-U", "test", "-d", "postgres", "-c", "select 1"]

        def ready() -> bool:
            return subprocess.run(asked, capture_output=True, check=False).returncode == 0

        with running(command, where, user, ready):
            yield where


@contextmanager
def redis() -> Iterator[Path]:
    """The socket of a server that keeps nothing."""
    server = program("redis-server", "redis-server")
    with folder(None) as where:
        socket = where / "redis"
        command = [str(server), "--port", "0", "--unixsocket", str(socket), "--save", ""]
        with running(command, where, None, socket.exists):
            yield socket
