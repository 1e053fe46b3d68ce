"""Linux's tables of TCP sockets, from a real system, and the ports of this process."""

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidelight.runtime import tcp_sockets
from sidelight.runtime.file_chores import PORTS_EVERY, FileChores
from sidelight.runtime.heartbeat import Heartbeat
from sidelight.runtime.tcp_sockets import (
    LISTEN,
    TcpSocket,
    listening_ports,
    network_namespace,
    parsed,
)
from sidelight.settings import load
from sidelight.store import layout
from sidelight.store.layout import BlockKind
from sidelight.store.listening_ports import ListeningPorts, decode
from sidelight.store.process_store import Store, open_store
from tests.runtime.reading import Worker

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists sockets")

TABLES = Path(__file__).parent / "sockets"
"""Lines of /proc/net/tcp and tcp6 of Linux 6."""


def lines(name: str) -> list[str]:
    return (TABLES / f"{name}.txt").read_text().splitlines()


def test_real_tables() -> None:
    """Port, state, unread bytes or waiting connections, and inode of each socket of both tables."""
    assert list(parsed(lines("tcp"))) == [
        TcpSocket(0x9B49, LISTEN, 11, 3116083),
        TcpSocket(8080, LISTEN, 0, 3235924),
        TcpSocket(0x9B49, 1, 42, 0),
        TcpSocket(0x9B49, 1, 1024, 3235990),
        TcpSocket(0xC3A2, 6, 0, 0),
    ]
    assert list(parsed(lines("tcp6"))) == [
        TcpSocket(8080, LISTEN, 3, 35471),
        TcpSocket(8080, 1, 16, 35475),
    ]


def test_other_text() -> None:
    """Lines that are no sockets are left out."""
    assert (
        list(
            parsed(["", "x", "1: 2 3 4 5", lines("tcp")[1][:70], "0: a:zz b:0 0A 0:0 0:0 0 0 0 1"])
        )
        == []
    )


@on_linux
def test_the_ports_of_this_process() -> None:
    """Those on which it listens, over IPv4 and IPv6, and no others, until they are closed."""
    before = listening_ports()
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_connection(other.getsockname()),
    ):
        ports = {four.getsockname()[1], other.getsockname()[1]}
        assert listening_ports() == before._replace(ports=before.ports | ports)
        assert before.namespace == network_namespace() != ""
    assert listening_ports() == before


@pytest.fixture
def chores(tmp_path: Path) -> Iterator[tuple[FileChores, Store]]:
    """What a worker of a shared directory does once a second."""
    store = open_store(load({"directory": str(tmp_path / "shared")}, {}, tmp_path))
    yield Heartbeat(store).files, store
    store.close()


def published(store: Store) -> list[ListeningPorts]:
    """Every block with ports in the worker's file, in order."""
    data = bytes(store.file.memory)
    blocks = layout.iter_blocks(data, layout.unpack_header(data).arena_at)
    kind = BlockKind.LISTENING_PORTS
    return [decode(key) for found, _, key, _ in blocks if found == kind]


def test_without_tables(
    chores: tuple[FileChores, Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system has no tables nothing is published, and that is no fault."""
    monkeypatch.setattr(tcp_sockets, "_TABLES", (tmp_path / "tcp", tmp_path / "tcp6"))
    with pytest.raises(FileNotFoundError):
        listening_ports()
    files, store = chores
    files.do()
    worker = Worker(store.file)
    assert worker.all("sidelight_internal_errors_total") == {}
    assert published(store) == []


@on_linux
def test_a_worker_publishes_its_ports(chores: tuple[FileChores, Store]) -> None:
    """A port is in the file soon after its server listens, once, and stays."""
    files, store = chores
    before = listening_ports().ports
    files.do()  # before the server listens
    with socket.create_server(("127.0.0.1", 0)) as server:
        added = {server.getsockname()[1]}
        for _ in range(PORTS_EVERY):
            files.do()
    for _ in range(PORTS_EVERY):
        files.do()
    expected = [before, before | added] if before else [before | added]
    assert published(store) == [ListeningPorts(network_namespace(), each) for each in expected]
