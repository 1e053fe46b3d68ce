"""The TCP ports on which a worker listens, as it publishes them for the sidecar."""

from typing import NamedTuple

MOST_PORTS = 16
HIGHEST = 65_535
DIGITS = 5


class ListeningPorts(NamedTuple):
    """Ports in a network namespace, which has its inode for a name; empty where unknown."""

    namespace: str = ""
    ports: frozenset[int] = frozenset()


def encode(found: ListeningPorts) -> bytes:
    """The ports as they are stored in a file: ``4026531840 8000 8443``."""
    return " ".join([found.namespace, *map(str, sorted(found.ports)[:MOST_PORTS])]).encode()


def decode(data: bytes) -> ListeningPorts:
    """The inverse of `encode`; what is no port is left out."""
    namespace, *rest = data.decode("ascii", "replace").split(" ", MOST_PORTS + 1)
    texts = (text for text in rest[:MOST_PORTS] if text.isdecimal() and len(text) <= DIGITS)
    return ListeningPorts(namespace, frozenset(port for port in map(int, texts) if port <= HIGHEST))
