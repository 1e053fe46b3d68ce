"""Whether a sidecar sees what waits in the sockets of the service."""

from collections.abc import Iterator

from sidelight.cooperative import run_to_end
from sidelight.doctor.finding import Finding, ok, warn
from sidelight.errors import StoreError
from sidelight.runtime.tcp_sockets import network_namespace, tcp_sockets
from sidelight.store.directory import open_existing
from sidelight.store.directory_reader import DirectoryReader


def check_sockets(directory: str | None) -> Iterator[Finding]:
    """``directory`` is the one that workers and sidecar share, which is not made here."""
    try:
        next(tcp_sockets(), None)
    except OSError as error:
        yield ok(f"a sidecar does not show connections that wait to be accepted: {error}")
        return
    if directory is None:
        return
    here = network_namespace()
    if any(each not in {"", here} for each in _namespaces(directory)):
        yield warn(
            f"workers of {directory} are in another network namespace: a sidecar here does not "
            "show the connections that wait for them",
            "run the sidecar in the network of the service, as network_mode: service:shop does",
        )


def _namespaces(directory: str) -> list[str]:
    """The network namespaces of the running workers, as they publish them."""
    try:
        files, _ = run_to_end(DirectoryReader(open_existing(directory)).read())
    except (StoreError, OSError):  # `check_machine` says what is wrong with it
        return []
    return [file.index.listening_ports.namespace for file in files if file.alive]
