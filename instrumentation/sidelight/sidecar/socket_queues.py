"""What waits in the sockets of the service: connections to be accepted, and bytes to be read.

The kernel keeps both, so they are known of a service that can't run.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress

from sidelight.runtime.tcp_sockets import LISTEN, network_namespace, tcp_sockets
from sidelight.store.listening_ports import ListeningPorts

ACCEPT_QUEUE = "sidelight_accept_queue"
UNREAD_BYTES = "sidelight_unread_bytes"


def socket_queues(workers: Iterable[ListeningPorts]) -> dict[tuple[str, str], int]:
    """Values by name and port, of the ports on which workers listen in this network namespace.

    Empty where they can't be seen. Never raises.
    """
    here = network_namespace()
    ports = {port for one in workers if one.namespace == here for port in one.ports}
    if not (here and ports):
        return {}
    with suppress(OSError):
        return dict(_counted(ports))
    return {}


def _counted(ports: set[int]) -> Iterator[tuple[tuple[str, str], int]]:
    waiting: Counter[int] = Counter()
    unread: Counter[int] = Counter()
    for socket in tcp_sockets():
        if socket.port in ports:
            if socket.state == LISTEN:
                waiting[socket.port] += socket.received
            elif socket.inode:
                unread[socket.port] += socket.received
    for port, value in waiting.items():
        yield (ACCEPT_QUEUE, str(port)), value
        yield (UNREAD_BYTES, str(port)), unread[port]
