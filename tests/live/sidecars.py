"""Sidecars for the live tests: started on a free port, asked, ended by their pid."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, NamedTuple, Self

from sidelight.contract import DURATION, DURATION_BUCKETS
from sidelight.store import directory
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from tests.live.servers import PATIENCE, Server, eventually, running
from tests.processes import Forked

SIDELIGHT = str(Path(sys.executable).parent / "sidelight")


class Answer(NamedTuple):
    """What came back; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class Sidecar(Server):
    """One `sidelight sidecar`. As a context it is ready, and ended when that is left."""

    module = "sidelight"

    def __init__(
        self,
        where: Path,
        cwd: Path,
        *options: str,
        token: str = "",
        before: Sequence[str] = (),
        **env: str,
    ) -> None:
        """``token`` is what it is asked with; the option is the test's to give."""
        self.token = token
        listen = () if "--listen" in options else ("--listen", "127.0.0.1:{port}")
        command = self.module, "sidecar", "--directory", str(where), *listen, *options
        super().__init__(command, env, cwd, before)

    def __enter__(self) -> Self:
        """Wait until it answers."""
        try:
            eventually(self.answers)
        except BaseException:
            self.destroy()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.destroy()

    def get(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        timeout: float = PATIENCE,
    ) -> tuple[int, str]:
        """One request, with the token: status and body."""
        token = self.token.encode().decode("latin-1")  # http.client encodes text as Latin-1
        bearer = {"Authorization": f"Bearer {token}"} if token else {}
        return super().get(path, method, {**bearer, **(headers or {})}, timeout)

    def answers(self) -> bool:
        """Whether it takes requests."""
        assert self.process.poll() is None, f"the sidecar ended:\n{self.log}"
        try:
            return self.get("/healthz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it logged: each line must be a JSON object."""
        return [json.loads(text) for text in self.log.splitlines()]

    @property
    def resident(self) -> int:
        """Bytes of memory it has."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * 4096

    @property
    def cpu_seconds(self) -> float:
        """How long it has computed."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @contextmanager
    def within(self, size: int) -> Iterator[None]:
        """While the body runs, it takes at no time so many bytes more than it has."""
        before = self.resident
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")  # the peak begins anew
        yield
        status = Path(f"/proc/{self.pid}/status").read_text()
        (peak,) = (int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
        assert peak * 1024 - before < size


def fetch(
    server: Server, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> Answer:
    """One request on a connection of its own, answered in full. It adds no header but Host."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    given = dict(headers or {})
    try:
        connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
        for name, text in {**given, "Connection": "close"}.items():
            connection.putheader(name, text)
        connection.endheaders()
        response = connection.getresponse()
        found: dict[str, str] = {}
        for name, text in response.getheaders():  # a name may stand there twice
            found[name.lower()] = ", ".join(filter(None, (found.get(name.lower()), text)))
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def raw(sidecar: Sidecar, data: bytes) -> bytes:
    """What comes back for these bytes until the connection ends."""
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=40) as connection:
        try:
            connection.sendall(data)
            found = b""
            while part := connection.recv(65536):
                found += part
        except ConnectionError:
            pass
        return found


def run(*options: str, **env: str) -> subprocess.CompletedProcess[str]:
    """A sidecar that must end by itself."""
    command = "sidelight", "sidecar", *options
    with TemporaryDirectory() as name:
        log, errors = Path(name, "log"), Path(name, "errors")
        process = Forked(command, {**os.environ, **env}, Path("/"), log, errors)
        try:
            code = process.wait(PATIENCE)
        finally:
            process.kill()
        return subprocess.CompletedProcess(command, code, log.read_text(), errors.read_text())


@contextmanager
def request_in_background(server: Server, path: str) -> Iterator[None]:
    """A request that is answered while the body runs, or that gets no answer."""

    def asks() -> None:
        with suppress(OSError, http.client.HTTPException):
            server.get(path)

    thread = Thread(target=asks)
    thread.start()
    yield
    thread.join()


@contextmanager
def worker_with_routes(where: Path, series: int) -> Iterator[WorkerFile]:
    """A running worker of the test's own, with so many routes and requests."""
    opened = directory.open_shared(str(where))
    file = WorkerFile(opened, schema(DURATION_BUCKETS), max(2 * series, 100))
    for number in range(series):
        first_word = file.series(DURATION, ("GET", f"/crowd/{number:06}", "200", "", "http"))
        file.words[first_word] = file.words[first_word + 1] = number
    yield file
    file.close()
    opened.close()


def worker_files(where: Path, suffix: str = ".worker") -> list[str]:
    """Names of the files in a directory that both share."""
    return sorted(path.name for path in where.glob(f"*{suffix}"))


def wait_ended(pids: Sequence[int]) -> None:
    """Wait until none of them runs."""
    eventually(lambda: not any(map(running, pids)))


def timed(server: Server, path: str = "/metrics") -> tuple[float, int, str]:
    """Seconds, status and body of one request."""
    began = time.perf_counter()
    status, body = server.get(path)
    return time.perf_counter() - began, status, body
