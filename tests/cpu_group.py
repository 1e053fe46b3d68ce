"""A control group with a CPU quota, of version 1 or 2, where a test may make one."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest

from sidelight.runtime import control_groups

PERIOD_US = 100_000
MOST = {"cpu.shares": "262144", "cpu.weight": "10000"}
"""The highest weight, so that the group reaches its quota on a busy machine too."""


class CpuGroup:
    """The group in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (name for name in MOST if (folder / name).exists()):
            (folder / name).write_text(MOST[name])

    def limit(self, milliseconds: int) -> None:
        """Let it run for so many of each 100 ms."""
        v1, quota = self.folder / "cpu.cfs_quota_us", str(milliseconds * 1000)
        if v1.exists():
            v1.write_text(quota)
        else:
            (self.folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")

    def add(self, process: int) -> None:
        """Move a process into it."""
        (self.folder / "cgroup.procs").write_text(str(process))


@contextmanager
def cpu_group() -> Iterator[CpuGroup]:
    """Make one, and remove it once its processes have ended. Skips where that is impossible."""
    found = [path for path in control_groups.folders("cpu") if (path / "cpu.stat").exists()]
    if not found:
        pytest.skip("there is no controller of CPUs here")
    folder = found[-1] / f"sidelight-{uuid4().hex}"
    try:
        folder.mkdir()
        group = CpuGroup(folder)
        group.limit(100)
    except OSError as error:
        with suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no group can be made here: {error}")
    try:
        yield group
    finally:
        with suppress(OSError):  # a process of a test that failed may still be in it
            folder.rmdir()
