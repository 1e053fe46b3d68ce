"""The sidecar's values of the service's sockets, of real sockets of this process."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anyio
import pytest

from sidelight.runtime import tcp_sockets
from sidelight.runtime.tcp_sockets import network_namespace
from sidelight.settings import load
from sidelight.sidecar.metrics_source import MetricsSource
from sidelight.store.layout import BlockKind
from sidelight.store.listening_ports import MOST_PORTS, ListeningPorts, decode, encode
from tests.store.driving import killed, shared, worker

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists sockets")
NAMES = ("sidelight_accept_queue", "sidelight_unread_bytes")
Values = dict[tuple[str, str], int]


def shown(path: Path, *published: ListeningPorts) -> Values:
    """What a sidecar shows of workers that have published this."""
    where = shared(path)
    files = [worker(where) for _ in published]
    for file, ports in zip(files, published, strict=True):
        file.append_block(BlockKind.LISTENING_PORTS, encode(ports))
    source = MetricsSource(load({}, {}, path), str(path))
    sums = anyio.run(source.snapshot).sums
    for file in files:
        killed(file)
    where.close()
    return {
        (key.family.name, key.labels[0]): value
        for key, (value, *_) in sums.items()
        if key.family.name in NAMES
    }


@contextmanager
def clients(port: int, number: int, sent: bytes) -> Iterator[None]:
    """Connections that have sent something."""
    with ExitStack() as stack:
        for _ in range(number):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            client.sendall(sent)
        yield


@on_linux
@pytest.mark.parametrize("host", ["127.0.0.1", "::"], ids=["IPv4", "both"])
def test_what_waits(host: str, tmp_path: Path) -> None:
    """Connections that wait, and bytes on those that were accepted, of the ports published."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.create_server((host, 0), family=family, dualstack_ipv6=":" in host) as server,
        socket.create_server(("127.0.0.1", 0)) as foreign,
    ):
        port, other = server.getsockname()[1], foreign.getsockname()[1]
        listening = ListeningPorts(network_namespace(), frozenset({port}))
        with clients(other, 1, b"foreign"), clients(port, 4, b"hello"):
            accepted = [server.accept()[0] for _ in range(3)]
            accepted[0].recv(2)
            values = shown(tmp_path, listening, listening)
            for each in accepted:
                each.close()
        assert values == {(NAMES[0], str(port)): 1, (NAMES[1], str(port)): 13}
    assert shown(tmp_path, listening) == {}  # nothing listens there any more


@on_linux
def test_a_service_elsewhere(tmp_path: Path) -> None:
    """Nothing is shown of workers in another network namespace, or that have published none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ports = frozenset({server.getsockname()[1]})
        assert shown(tmp_path, ListeningPorts("1", ports), ListeningPorts("", ports)) == {}


def test_without_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a system without tables of sockets the other values are there."""
    monkeypatch.setattr(tcp_sockets, "_TABLES", (tmp_path / "tcp", tmp_path / "tcp6"))
    assert shown(tmp_path, ListeningPorts(network_namespace(), frozenset({80}))) == {}


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"4026531840 8000 8443", ListeningPorts("4026531840", frozenset({8000, 8443}))),
        (b"1", ListeningPorts("1")),
        (b"", ListeningPorts()),
        (
            b"1 x -5 65536 99999 123456 65535 \xff  8 8.0",
            ListeningPorts("1", frozenset({65535, 8})),
        ),
    ],
)
def test_what_a_file_may_say(data: bytes, expected: ListeningPorts) -> None:
    """What is no port is left out."""
    assert decode(data) == expected


def test_a_worker_with_many_ports() -> None:
    """No more ports than a few are published, or read."""
    many = ListeningPorts("1", frozenset(range(1, 60_000)))
    assert len(decode(encode(many)).ports) == MOST_PORTS
    assert len(decode(b"1 " + b" ".join(b"%d" % port for port in many.ports)).ports) == MOST_PORTS
