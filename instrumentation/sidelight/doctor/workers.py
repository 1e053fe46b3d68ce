"""What is known of requests before they reach the application, here and in running workers."""

from collections.abc import Iterator

from sidelight.cooperative import run_to_end
from sidelight.doctor.finding import Finding, ok, warn
from sidelight.errors import StoreError
from sidelight.runtime.clock_start import untold
from sidelight.runtime.tcp_sockets import network_namespace, tcp_sockets
from sidelight.settings import Settings
from sidelight.store.directory import open_existing
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.reader import FileContents


def check_workers(settings: Settings) -> Iterator[Finding]:
    """Findings of requests that wait; a directory that does not exist is not made."""
    workers = _workers(settings.directory) if settings.directory else []
    yield from _clock(settings, workers)
    try:
        next(tcp_sockets(), None)
    except OSError as error:
        yield ok(f"a sidecar does not show connections that wait to be accepted: {error}")
        return
    namespaces = {file.index.listening_ports.namespace for file in workers}
    if namespaces - {"", network_namespace()}:
        yield warn(
            f"workers of {settings.directory} are in another network namespace: a sidecar here "
            "does not show the connections that wait for them",
            "run the sidecar in the network of the service, as network_mode: service:shop does",
        )


def _clock(settings: Settings, workers: list[FileContents]) -> Iterator[Finding]:
    """Where the clock of a request starts."""
    servers = sorted({file.index.service_info.server for file in workers}) or [""]
    reasons = [reason for server in servers if (reason := untold(server))]
    if settings.queue_header is not None:
        yield ok(f"a request's clock starts at the time in its header {settings.queue_header}")
    elif reasons:
        why = " and ".join(reasons)
        yield ok(f"a request's clock starts at the call of the application, since {why}")
    else:
        yield ok(
            "a request's clock starts when its bytes arrived, under uvicorn and gunicorn over TCP, "
            "and else at the call of the application"
        )


def _workers(directory: str) -> list[FileContents]:
    """The files of the running workers."""
    try:
        files, _ = run_to_end(DirectoryReader(open_existing(directory)).read())
    except (StoreError, OSError):  # `check_machine` says what is wrong with it
        return []
    return [file for file in files if file.alive]
