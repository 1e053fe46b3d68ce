"""What a page says of workers before they have published everything."""

from pathlib import Path

from sidelight.store.layout import BlockKind
from sidelight.store.service_info import ServiceInfo, encode
from tests.store.driving import killed, shared, worker
from tests.store.pages import Reader


def test_a_version_is_absent_until_it_is_known(tmp_path: Path) -> None:
    """A worker that has just started has no `sidelight_build_info`, and no service."""
    where = shared(tmp_path / "store")
    file = worker(where, 1)
    reader = Reader(where)
    snapshot = reader.snapshot()
    assert snapshot.services == []
    assert "sidelight_build_info" not in {key.family.name for key in snapshot.sums}
    info = ServiceInfo(service_name="shop", version="1.2", server="uvicorn", fast_path="native")
    file.append_block(BlockKind.SERVICE_INFO, encode(info))
    snapshot = reader.snapshot()
    assert snapshot.services == [info]
    infos = [key for key in snapshot.sums if key.family.name == "sidelight_build_info"]
    assert [key.labels for key in infos] == [("1.2", "", "", "uvicorn", "native")]
    killed(file)
    where.close()
