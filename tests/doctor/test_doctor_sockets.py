"""What ``sidelight doctor`` says of connections that wait to be accepted."""

from pathlib import Path

import pytest

from sidelight.doctor.sockets import check_sockets
from sidelight.runtime import tcp_sockets
from sidelight.runtime.tcp_sockets import network_namespace
from sidelight.store.layout import BlockKind
from sidelight.store.listening_ports import ListeningPorts, encode
from tests.store.driving import killed, shared, worker


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
    found = list(check_sockets(str(tmp_path)))
    for file in files:
        killed(file)
    where.close()
    assert [each.level for each in found] == ["warn"] * warned
    assert all("another network namespace" in each.what for each in found)
    assert all("network_mode: service:shop" in each.fix for each in found)


def test_a_system_without_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says that a sidecar does not show them there, and why."""
    monkeypatch.setattr(tcp_sockets, "_TABLES", (tmp_path / "tcp", tmp_path / "tcp6"))
    (found,) = check_sockets(None)
    assert found.level == "ok"
    assert found.what.startswith("a sidecar does not show connections that wait to be accepted: ")


def test_no_directory_is_made(tmp_path: Path) -> None:
    """A directory that does not exist, or is a file, is another check's; it stays as it is."""
    file = tmp_path / "file"
    file.touch()
    for path in (tmp_path / "none", file):
        assert list(check_sockets(str(path))) == []
    assert list(tmp_path.iterdir()) == [file]
