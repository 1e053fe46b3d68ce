"""A sidecar with clients, files and machines that misbehave."""

import os
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import (
    EXITS,
    ITEM,
    MAKE,
    ask,
    counted,
    requests,
    samples,
    scrape,
    settle,
    value,
)
from tests.live.servers import eventually, fill
from tests.live.sidecars import (
    Sidecar,
    fetch,
    raw,
    timed,
    worker_files,
    worker_with_routes,
)
from tests.live.test_live_sidecar_totals import no_counter_falls
from tests.live.tmpfs import tmpfs

pytestmark = pytest.mark.live

SKIPPED = "sidelight_files_skipped_total"
ASK = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"


def client(sidecar: Sidecar, data: bytes = b"") -> socket.socket:
    """A connection that takes little at a time, and has said so much."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    found.connect(("127.0.0.1", sidecar.port))
    found.sendall(data)
    return found


def test_clients_that_never_read_hold_up_nobody(store: Path, tmp_path: Path) -> None:
    """With clients that ask for a big page and don't take it, others get theirs."""
    with (
        Sidecar(store, tmp_path) as sidecar,
        worker_with_routes(store, 1000),
        ExitStack() as clients,
    ):
        settle(sidecar, 1)
        for _ in range(8):
            clients.enter_context(client(sidecar, ASK))
        for _ in range(3):
            seconds, status, body = timed(sidecar)
            assert status == 200
            assert seconds < 20
            assert len(requests(samples(body))) > 950
        assert fetch(sidecar, "/healthz").status == 200


def test_many_scrapes_at_once(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """Fifty clients at one moment all get a whole page, and no count falls between them."""
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as sidecar:
        settle(sidecar, 2)
        expected = ask(server, {ITEM: 20, MAKE: 5})
        found = []

        def scrapes() -> None:
            found.append(fetch(sidecar, "/metrics"))

        threads = [threading.Thread(target=scrapes) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer.status for answer in found] == [200] * 50
        for answer in found:
            page = requests(samples(answer.text))
            assert {asked: page[asked] for asked in expected} == expected


def test_requests_that_are_none(store: Path, tmp_path: Path) -> None:
    """Headers without end, foreign protocols and half requests end with an error or silence."""
    with Sidecar(store, tmp_path) as sidecar, ExitStack() as clients:
        long = b"GET /metrics HTTP/1.1\r\nHost: " + b"x" * 60_000 + b"\r\nConnection: close\r\n\r\n"
        assert raw(sidecar, long)[:12] in {b"HTTP/1.1 421", b"HTTP/1.1 400", b"HTTP/1.1 431"}
        assert raw(sidecar, b"\x16\x03\x01\x02\x00\x01\x00" + b"\0" * 200)[:12] in {
            b"",
            b"HTTP/1.1 400",
        }
        none = b"GET /metrics HTTP/1.0\r\n\r\n"
        assert raw(sidecar, none)[:12] == b"HTTP/1.1 421"
        two = b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n"
        assert raw(sidecar, two + b"Connection: close\r\n\r\n")[:12] in {
            b"HTTP/1.1 421",
            b"HTTP/1.1 400",
        }
        whole = b"GET http://evil.example/metrics HTTP/1.1\r\nHost: evil.example\r\n"
        assert raw(sidecar, whole + b"Connection: close\r\n\r\n")[:12] == b"HTTP/1.1 421"
        for half in (b"", b"GET", b"GET /metrics HTTP/1.1\r\nHo", ASK[:-2]):
            clients.enter_context(client(sidecar, half))
        upgrade = (
            ASK[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        clients.enter_context(client(sidecar, upgrade))
        assert fetch(sidecar, "/metrics").status == 200
        assert all("exception" not in line for line in sidecar.lines)


def test_a_stopped_worker_is_no_dead_one(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """A worker that is stopped is blocked and keeps its counts; once it goes on it serves."""
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as sidecar, no_counter_falls(sidecar):
        settle(sidecar, 2)
        expected = ask(server, {ITEM: 20, MAKE: 5})
        workers = server.workers()
        for pid in (server.pid, *workers):
            os.kill(pid, signal.SIGSTOP)
        eventually(lambda: value(scrape(sidecar), "sidelight_workers", state="blocked") == 2)
        assert counted(sidecar) == expected
        for pid in (*workers, server.pid):
            os.kill(pid, signal.SIGCONT)
        eventually(lambda: value(scrape(sidecar), "sidelight_workers", state="serving") == 2)
        assert value(scrape(sidecar), EXITS) == 0
        assert counted(sidecar) == expected


def test_folding_where_nothing_can_be_written(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """On a full tmpfs, stopped workers stay counted and the log says why; with space they merge."""
    with tmpfs(tmp_path / "small", "size=16m") as small:
        where = small / "store"
        server = uvicorn(2, SIDELIGHT_DIR=str(where)).ready()
        with Sidecar(where, tmp_path) as sidecar, no_counter_falls(sidecar):
            settle(sidecar, 2)
            expected = ask(server, {ITEM: 20, MAKE: 5})
            os.kill(server.pid, signal.SIGSTOP)
            fill(small / "filler")
            workers = server.workers()
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            eventually(lambda: "No space left on device" in sidecar.log)
            assert counted(sidecar) == expected
            assert sidecar.get("/readyz")[0] == 200
            assert len(worker_files(where)) == 2
            (small / "filler").unlink()
            eventually(lambda: value(scrape(sidecar), EXITS, how="died") == 2)
            assert counted(sidecar) == expected
            assert worker_files(where) == worker_files(where, ".draft") == []
            os.kill(server.pid, signal.SIGCONT)
            settle(sidecar, 2)
            assert counted(sidecar) == expected


def test_files_that_can_not_be_read(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """Rubbish in the directory is skipped, said once, and does no harm to what is counted."""
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    with Sidecar(store, tmp_path) as sidecar, no_counter_falls(sidecar):
        settle(sidecar, 2)
        expected = ask(server, {ITEM: 20, MAKE: 5})
        (store / f"{'0' * 32}.worker").write_bytes(b"rubbish")
        (store / f"{'1' * 32}.worker").mkdir()
        os.mkfifo(store / f"{'2' * 32}.worker")
        (store / f"{'3' * 32}.worker").symlink_to("/dev/zero")
        for _ in range(3):
            assert counted(sidecar) == expected
        assert value(scrape(sidecar), SKIPPED) == 4
        assert sum("is left out" in line["message"] for line in sidecar.lines) == 4


def test_files_of_a_user_that_gives_none_away(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """A file that the sidecar may not read is skipped, and the page is that of all the others."""
    if os.getuid() != 0:
        pytest.skip("only root can run a process without its power over files")
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    weak = "setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"
    with Sidecar(store, tmp_path, before=weak) as sidecar:
        settle(sidecar, 2)
        ask(server, {ITEM: 20, MAKE: 5})
        os.chown(store / worker_files(store)[0], 12001, 12000)
        (store / worker_files(store)[0]).chmod(0o600)
        page = scrape(sidecar)
        assert value(page, SKIPPED, reason="unreadable") == 1
        assert value(page, "sidelight_workers") == 1
