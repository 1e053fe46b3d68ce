"""Process metrics, from the files of the system or from files that a test makes."""

import os
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest

from sidelight.runtime import control_groups, process
from sidelight.store import cleanup, supervisor
from tests.runtime.control_group_files import MOUNTED_V1, MOUNTED_V2, write
from tests.runtime.reading import Worker

GIB = 1 << 30
V1_UNLIMITED = 9223372036854771712


def limit(system: Path, named: str, mounted: str, files: Mapping[str, object]) -> int | None:
    """The limit of a process whose control group is ``named``, from the files of a test."""
    write(system, named, mounted, files)
    control_groups._folders.cache_clear()
    return process.memory_limit()


def test_a_process_name_need_not_be_utf_8() -> None:
    """Linux cuts a name after 15 bytes, inside of a character too; the start time is read."""
    name = Path("/proc/self/comm")
    before, started = name.read_bytes(), cleanup.start_time("self")
    try:
        name.write_bytes(b"gunicorn: caf\xc3")
        assert process.start_time(-4) is not None
        assert cleanup.start_time("self") == supervisor.start_time(os.getpid()) == started
    finally:
        name.write_bytes(before)


def test_the_start_time_does_not_move(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start time is computed from two clocks, and is the same each time it is read."""
    worker = Worker()
    ticks = count(time.time_ns(), 1_000_000)
    monkeypatch.setattr(time, "time_ns", lambda: next(ticks))
    process.start_time.cache_clear()
    named = set()
    for _ in range(3):
        process.publish(worker.file)
        named.add(worker.gauge("process_start_time_seconds"))
    assert len(named) == 1
    assert named != {None}


def test_a_forked_child_has_its_own_start_time(system: Path) -> None:
    """What was computed for one process is not used for another."""
    (system / "proc").mkdir()
    stat = system / "proc" / "stat"
    stat.write_text("1 (a) " + "0 " * 19 + "100 0")
    first = process.start_time(-1)
    stat.write_text("2 (b) " + "0 " * 19 + "300 0")
    second = process.start_time(-2)
    assert first is not None
    assert second is not None
    assert second - first == pytest.approx(200 / os.sysconf("SC_CLK_TCK") * 1e9, abs=1e9)


@pytest.mark.parametrize("by_size", [True, False])
def test_descriptors_are_counted(monkeypatch: pytest.MonkeyPatch, *, by_size: bool) -> None:
    """Each descriptor counts once, with kernels that give the number and with others."""
    if not by_size:
        monkeypatch.setattr(Path, "stat", lambda _: SimpleNamespace(st_size=0))
    before = process.open_fds()
    assert before == sum(1 for _ in Path("/proc/self/fd").iterdir()) - 1
    more = [os.open("/", os.O_RDONLY) for _ in range(3)]
    assert process.open_fds() == before + 3
    for fd in more:
        os.close(fd)


def test_a_service_of_systemd_has_its_own_limit(system: Path) -> None:
    """Outside of a container the limit is at the group that the system names."""
    files = {
        "system.slice/memory.max": "max",
        "system.slice/shop.service/memory.max": GIB,
    }
    assert limit(system, "0::/system.slice/shop.service", MOUNTED_V2, files) == GIB


def test_the_limits_of_parent_groups_count(system: Path) -> None:
    """The limit is the smallest one of the group and its parents."""
    files = {
        "memory.max": 8 * GIB,
        "a/memory.max": 2 * GIB,
        "a/b/memory.max": "max",
        "a/b/c/memory.max": 4 * GIB,
        "other/memory.max": 1,
    }
    assert limit(system, "0::/a/b/c", MOUNTED_V2, files) == 2 * GIB


def test_the_limit_of_a_group_of_version_1(system: Path) -> None:
    """The line with the memory controller counts, among those of others."""
    files = {
        "memory/memory.limit_in_bytes": V1_UNLIMITED,
        "memory/pod/memory.limit_in_bytes": 3 * GIB,
        "memory/pod/one/memory.limit_in_bytes": GIB,
        "memory/else/memory.limit_in_bytes": 1,
    }
    named = "9:name=systemd:/else\n8:cpu,memory:/pod/one\n1:cpu:/else\n0::/"
    assert limit(system, named, MOUNTED_V1, files) == GIB


@pytest.mark.parametrize(
    ("named", "version", "name"),
    [
        ("0::/", 2, "memory.max"),
        ("", 2, "memory.max"),
        ("nonsense", 2, "memory.max"),
        ("0::/not/seen/from/here", 2, "memory.max"),
        ("0::/../../elsewhere", 2, "memory.max"),
        ("4:memory:/docker/0f", 1, "memory/memory.limit_in_bytes"),
        ("", 1, "memory/memory.limit_in_bytes"),
    ],
)
def test_the_limit_inside_a_container(system: Path, named: str, version: int, name: str) -> None:
    """Where the group named can't be seen, the root is this container's."""
    (system / "elsewhere").mkdir()
    (system / "elsewhere" / "memory.max").write_text("1")
    mounted = MOUNTED_V1 if version == 1 else MOUNTED_V2
    assert limit(system, named, mounted, {name: GIB}) == GIB


def test_groups_are_where_they_are_mounted(system: Path) -> None:
    """The groups of a host that a container sees elsewhere than at /sys/fs/cgroup are found."""
    mounted = MOUNTED_V2.replace("{groups}", "{groups}/host")
    assert limit(system, "0::/shop", mounted, {"host/shop/memory.max": GIB}) == GIB


def test_no_limit_is_none(system: Path) -> None:
    """There is no limit where the groups of either version have none, or no file exists."""
    assert process.memory_limit() is None
    assert limit(system, "0::/a", MOUNTED_V2, {"a/memory.max": "max"}) is None
    unlimited = {"memory/b/memory.limit_in_bytes": V1_UNLIMITED}
    assert limit(system, "4:memory:/b\n0::/a", MOUNTED_V1, unlimited) is None
