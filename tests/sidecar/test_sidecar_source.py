"""What the sidecar's snapshots say of the service."""

from pathlib import Path

import anyio
import pytest

from sidelight.settings import load
from sidelight.sidecar.metrics_source import MetricsSource
from sidelight.store.layout import BlockKind
from sidelight.store.service_info import ServiceInfo, encode
from tests.store.driving import killed, shared, worker


def test_name_and_version_may_come_from_different_workers(tmp_path: Path) -> None:
    """The service has the name and the version of the first worker that states each."""
    where = shared(tmp_path)
    files = [worker(where), worker(where)]
    for file, info in zip(
        files, (ServiceInfo("shop", version="1"), ServiceInfo("", "7", version="1")), strict=True
    ):
        file.append_block(BlockKind.SERVICE_INFO, encode(info))
    source = MetricsSource(load({}, {}, tmp_path), str(tmp_path))
    anyio.run(source.snapshot)
    assert (source.service.service_name, source.service.service_version) == ("shop", "7")
    for file in files:
        killed(file)
    where.close()


def test_the_version_is_that_of_the_newest_worker(tmp_path: Path) -> None:
    """A release that replaces another is the service's version, which stays when all have ended."""
    where = shared(tmp_path)
    source = MetricsSource(load({}, {}, tmp_path), str(tmp_path))
    seen, files = [], []
    for version in ("1", "2"):
        files.append(worker(where))
        info = ServiceInfo("shop", version, version="1")
        files[-1].append_block(BlockKind.SERVICE_INFO, encode(info))
        anyio.run(source.snapshot)
        seen.append(source.service.service_version)
    for file in files:
        killed(file)
    anyio.run(source.snapshot)
    assert [*seen, source.service.service_version] == ["1", "2", "2"]
    where.close()


@pytest.mark.parametrize(
    ("names", "warned"),
    [
        (("shop", "shop", ""), []),
        (("shop", "mail"), ["the services mail and shop share "]),
    ],
)
def test_two_services_in_one_directory(
    names: tuple[str, ...], warned: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names both, once; workers of one service are no reason."""
    where = shared(tmp_path)
    files = [worker(where) for _ in names]
    for file, name in zip(files, names, strict=True):
        file.append_block(BlockKind.SERVICE_INFO, encode(ServiceInfo(name, version="1")))
    source = MetricsSource(load({}, {}, tmp_path), str(tmp_path))
    anyio.run(source.snapshot)
    anyio.run(source.snapshot)
    assert [message.partition(str(tmp_path))[0] for message in caplog.messages] == warned
    for file in files:
        killed(file)
    where.close()
