"""The TCP sockets of this network namespace, as Linux lists them in /proc/net/tcp and tcp6.

https://docs.kernel.org/networking/proc_net_tcp.html
"""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from sidelight.store.listening_ports import ListeningPorts

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_FDS = Path("/proc/self/fd")
_NAMESPACE = Path("/proc/self/ns/net")
LISTEN = 0x0A
SYN_RECV = 0x03
FIRST = {LISTEN, SYN_RECV}
"""States of the sockets that a table has first; the second is among them in old kernels."""


class TcpSocket(NamedTuple):
    """One socket. ``received`` is its unread bytes, or the connections that wait for `accept`.

    ``inode`` is 0 while no process has it: not accepted yet, or closed.
    """

    port: int
    state: int
    received: int
    inode: int


def parsed(lines: Iterable[str]) -> Iterator[TcpSocket]:
    """The sockets of a table; lines that are none, such as its head, are left out."""
    for line in lines:
        with suppress(ValueError, IndexError):
            fields = line.split(None, 10)
            _, _, port = fields[1].rpartition(":")
            _, _, received = fields[4].partition(":")
            yield TcpSocket(int(port, 16), int(fields[3], 16), int(received, 16), int(fields[9]))


def tcp_sockets(*, listening: bool = False) -> Iterator[TcpSocket]:
    """All sockets of this network namespace, or those that listen. Raises OSError."""
    for table in _TABLES:
        if table == _TABLES[0] or table.exists():  # a system may have no IPv6
            with table.open(encoding="ascii") as file:
                found = parsed(file)
                yield from takewhile(lambda one: one.state in FIRST, found) if listening else found


def network_namespace() -> str:
    """The name of this process's network namespace; empty where the system has none."""
    with suppress(OSError):
        return "".join(re.findall(r"\d+", str(_NAMESPACE.readlink())))
    return ""


def listening_ports() -> ListeningPorts:
    """The ports on which this process listens. Raises OSError where the system doesn't tell."""
    listening = {s.inode: s.port for s in tcp_sockets(listening=True) if s.state == LISTEN}
    own = _inodes() if listening else frozenset()
    ports = frozenset(port for inode, port in listening.items() if inode in own)
    return ListeningPorts(network_namespace(), ports)


def _inodes() -> frozenset[int]:
    """The inodes of this process's sockets."""
    found = set()
    for name in os.listdir(_FDS):  # noqa: PTH208 iterdir() makes a path of each
        with suppress(OSError):  # closed meanwhile
            kind, _, inode = os.readlink(f"{_FDS}/{name}").partition(":")  # noqa: PTH115 as above
            if kind == "socket":
                found.add(int(inode.strip("[]")))
    return frozenset(found)
