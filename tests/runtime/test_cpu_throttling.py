"""CPU throttling, from files of the kernel in groups of either version, and with a real quota."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sidelight.cooperative import run_to_end
from sidelight.export.collector import Collector
from sidelight.runtime import file_chores
from sidelight.runtime.cpu_throttling import Throttling, throttling
from sidelight.runtime.heartbeat import Heartbeat
from sidelight.settings import load
from sidelight.store.process_store import Store
from tests.cpu_group import cpu_group
from tests.runtime.control_group_files import MOUNTED_V1, MOUNTED_V2, write

V1 = "nr_periods 73\nnr_throttled 62\nthrottled_time 4807364291\n"
V1_ROOT = "nr_periods 0\nnr_throttled 0\nthrottled_time 0\nnr_bursts 0\nburst_time 0\n"
V2 = (
    "usage_usec 5236871\nuser_usec 4123008\nsystem_usec 1113863\nnice_usec 0\n"
    "core_sched.force_idle_usec 0\nnr_periods 512\nnr_throttled 31\nthrottled_usec 1905344\n"
    "nr_bursts 0\nburst_usec 0\n"
)
V2_WITHOUT_CONTROLLER = "usage_usec 82\nuser_usec 51\nsystem_usec 31\nnice_usec 0\n"


def throttled(
    system: Path, group: str, mounted: str, stats: Mapping[str, str]
) -> tuple[int, int] | None:
    """Periods and ns, from the files of a test; ``stats`` are those below ``groups``."""
    write(system, group, mounted, {f"{folder}/cpu.stat": text for folder, text in stats.items()})
    found = throttling()
    return None if found is None else found[1:]


def test_version_2_counts_microseconds(system: Path) -> None:
    """In a container the root of its own groups is the one that it sees."""
    assert throttled(system, "0::/\n", MOUNTED_V2, {".": V2}) == (31, 1_905_344_000)


def test_version_1_counts_nanoseconds(system: Path) -> None:
    """The controller is in a hierarchy with another; the path that is mounted is cut off."""
    mounted = MOUNTED_V1.replace("{root}", "/docker/0f")
    group = "9:memory:/else\n4:cpu,cpuacct:/docker/0f/one\n1:name=systemd:/else\n0::/else\n"
    stats = {"cpu,cpuacct": V1_ROOT, "cpu,cpuacct/one": V1, "unified/else": V2}
    assert throttled(system, group, mounted, stats) == (62, 4_807_364_291)


def test_controllers_may_be_of_different_versions(system: Path) -> None:
    """Where version 1 has memory but not the CPU, the CPU is version 2's."""
    mounted = "".join(MOUNTED_V1.splitlines(keepends=True)[1:])
    group = "9:memory:/else\n0::/shop\n"
    stats = {"memory/else": V1, "unified": V2_WITHOUT_CONTROLLER, "unified/shop": V2}
    assert throttled(system, group, mounted, stats) == (31, 1_905_344_000)


def test_without_the_controller_nothing_is_known(system: Path) -> None:
    """A ``cpu.stat`` without ``nr_throttled`` says nothing of throttling, not even 0."""
    assert throttled(system, "0::/\n", MOUNTED_V2, {".": V2_WITHOUT_CONTROLLER}) is None


def test_a_quota_of_a_parent_counts(system: Path) -> None:
    """A group without the controller is below one that has it, and whose quota it shares."""
    stats = {".": V2_WITHOUT_CONTROLLER, "shop.slice": V2, "shop.slice/a": V2_WITHOUT_CONTROLLER}
    assert throttled(system, "0::/shop.slice/a\n", MOUNTED_V2, stats) == (31, 1_905_344_000)


@pytest.mark.parametrize(
    ("group", "mounted", "stats"),
    [
        ("", "", {}),
        ("nonsense", "nonsense - ", {}),
        ("0::/\n", MOUNTED_V2, {}),
        ("0::/\n", MOUNTED_V2, {".": "nr_throttled many\nthrottled_usec 1\n"}),
        ("0::/\n", MOUNTED_V2, {".": "nr_throttled 3\n"}),
    ],
)
def test_what_cannot_be_read_is_unknown(
    system: Path, group: str, mounted: str, stats: dict[str, str]
) -> None:
    """Without files, or with others than the kernel's, there is no value and no error."""
    assert throttled(system, group, mounted, stats) is None


@pytest.mark.parametrize("group", ["0::/not/seen/from/here\n", "0::/../../elsewhere\n"])
def test_a_group_that_is_not_seen_is_the_root(system: Path, group: str) -> None:
    """Where the group named is outside of what is mounted, the mounted one is this process's."""
    (system / "elsewhere").mkdir()
    assert throttled(system, group, MOUNTED_V2, {".": V2}) == (31, 1_905_344_000)


def test_a_folder_may_have_a_space(system: Path) -> None:
    """The kernel writes a space in the name of a mount point as an octal number."""
    mounted = MOUNTED_V2.replace("{groups}", "{groups}/a\\040b")
    assert throttled(system, "0::/\n", mounted, {"a b": V2}) == (31, 1_905_344_000)


BUSY = """
import json, os, sys, time
from pathlib import Path
Path(sys.argv[1], "cgroup.procs").write_text(str(os.getpid()))
from sidelight.runtime.cpu_throttling import throttling
before, deadline = throttling(), time.monotonic() + 60
while throttling().periods < before.periods + 3 and time.monotonic() < deadline:
    pass
print(json.dumps([before[1:], throttling()[1:]]))
"""


def test_a_real_quota_throttles() -> None:
    """A process that is never idle is throttled again and again, and for longer and longer."""
    with cpu_group() as group:
        group.limit(2)
        done = subprocess.run(
            [sys.executable, "-c", BUSY, group.folder],
            capture_output=True, text=True, check=True, timeout=90,
        )  # fmt: skip
    (periods, ns), (periods_then, ns_then) = json.loads(done.stdout)
    assert periods_then >= periods + 3
    assert ns_then > ns


@pytest.mark.parametrize("known", [True, False])
def test_workers_of_one_container_count_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, known: bool
) -> None:
    """Two workers show what their container has, and no series where that is unknown."""
    found = Throttling("a", 3, 500) if known else None
    monkeypatch.setattr(file_chores, "throttling", lambda: found)
    settings = load({"directory": str(tmp_path / "store")}, {}, tmp_path)
    stores = [Store(settings), Store(settings)]
    for store in stores:
        Heartbeat(store).files.do()
    sums = run_to_end(Collector(stores[0].reader).collect()).sums
    shown = {
        key.family.name: values for key, values in sums.items() if "throttled" in key.family.name
    }
    assert shown == (
        {
            "sidelight_cpu_throttled_periods_total": (3,),
            "sidelight_cpu_throttled_seconds_total": (500,),
        }
        if known
        else {}
    )
    for store in stores:
        store.close()
