"""What ``sidelight doctor`` says of requests before they reach the application."""

from pathlib import Path

import pytest

from sidelight.doctor.finding import Finding
from sidelight.doctor.workers import check_workers
from sidelight.runtime import tcp_sockets
from sidelight.runtime.tcp_sockets import network_namespace
from sidelight.settings import load
from sidelight.store.layout import BlockKind
from sidelight.store.listening_ports import ListeningPorts, encode
from sidelight.store.service_info import ServiceInfo
from sidelight.store.service_info import encode as encode_info
from tests.store.driving import killed, shared, worker

CLOCK = "a request's clock starts "
ARRIVAL = "when its bytes arrived, under uvicorn and gunicorn over TCP"
BOTH = ("granian", "hypercorn")
CALL = "at the call of the application, since "


def found(folder: Path, **options: str) -> tuple[str, list[Finding]]:
    """Where the clock starts, and the other findings."""
    first, *rest = check_workers(load(options, {}, folder))
    assert (first.level, first.fix) == ("ok", "")
    assert first.what.startswith(CLOCK)
    return first.what.removeprefix(CLOCK), rest


@pytest.mark.parametrize(
    ("namespaces", "warned"),
    [((), False), (("here",), False), (("here", ""), False), (("here", "1"), True)],
)
def test_a_service_in_another_network(
    namespaces: tuple[str, ...], tmp_path: Path, *, warned: bool
) -> None:
    """Workers whose sockets a sidecar here can't see are a warning, with a way to show them."""
    where = shared(tmp_path)
    files = [worker(where) for _ in namespaces]
    for file, namespace in zip(files, namespaces, strict=True):
        name = namespace.replace("here", network_namespace())
        ports = ListeningPorts(name, frozenset({8000}))
        file.append_block(BlockKind.LISTENING_PORTS, encode(ports))
    _, findings = found(tmp_path, directory=str(tmp_path))
    for file in files:
        killed(file)
    where.close()
    assert [each.level for each in findings] == ["warn"] * warned
    assert all("another network namespace" in each.what for each in findings)
    assert all("network_mode: service:shop" in each.fix for each in findings)


def test_a_system_without_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that a sidecar does not show them there, and why."""
    monkeypatch.setattr(tcp_sockets, "_TABLES", (tmp_path / "tcp", tmp_path / "tcp6"))
    _, (finding,) = found(tmp_path)
    assert finding.level == "ok"
    assert finding.what.startswith("a sidecar does not show connections that wait to be accepted: ")


def test_no_directory_is_made(tmp_path: Path) -> None:
    """A directory that does not exist, or is a file, is another check's; it stays as it is."""
    file = tmp_path / "file"
    file.touch()
    for path in (tmp_path / "none", file):
        assert found(tmp_path, directory=str(path))[1] == []
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("servers", "start"),
    [
        ((), "when its bytes arrived, under uvicorn and gunicorn over TCP"),
        (
            ("uvicorn", "gunicorn", ""),
            "when its bytes arrived, under uvicorn and gunicorn over TCP",
        ),
        (
            BOTH,
            CALL + " and ".join(f"{name} does not tell when requests arrived" for name in BOTH),
        ),
    ],
)
def test_where_the_clock_starts(servers: tuple[str, ...], start: str, tmp_path: Path) -> None:
    """It names the servers of running workers that don't tell when requests arrive."""
    where = shared(tmp_path)
    files = [worker(where) for _ in servers]
    for file, server in zip(files, servers, strict=True):
        file.append_block(BlockKind.SERVICE_INFO, encode_info(ServiceInfo(server=server)))
    said, _ = found(tmp_path, directory=str(tmp_path))
    for file in files:
        killed(file)
    where.close()
    assert said.startswith(start)


def test_a_header_says_when_the_clock_starts(tmp_path: Path) -> None:
    """With ``queue_header`` it starts there, whatever the server and the system."""
    assert found(tmp_path, queue_header="x")[0] == "at the time in its header x"


def test_another_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Outside of Linux it starts at the call of the application, and doctor says why."""
    monkeypatch.setattr("sys.platform", "darwin")
    assert found(tmp_path)[0] == f"{CALL}this system does not tell when data arrived"
