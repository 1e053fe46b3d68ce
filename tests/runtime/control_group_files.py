"""Files of the kernel that say where a process's control groups are, as a test makes them."""

from collections.abc import Mapping
from pathlib import Path

MOUNTED_V2 = "29 22 0:26 / {groups} rw,nosuid,nodev - cgroup2 cgroup2 rw,nsdelegate\n"
MOUNTED_V1 = (
    "32 31 0:29 {root} {groups}/cpu,cpuacct ro,nosuid master:11 - cgroup cgroup rw,cpu,cpuacct\n"
    "34 31 0:31 / {groups}/memory rw - cgroup cgroup rw,memory\n"
    "41 31 0:38 / {groups}/unified rw - cgroup2 cgroup2 rw\n"
)


def write(system: Path, group: str, mounted: str, files: Mapping[str, object]) -> None:
    """The groups of a process and where they are mounted; ``files`` are those below ``groups``."""
    mounts = mounted.format(groups=system / "groups", root="/")
    written: dict[str, object] = {"proc/cgroup": group, "proc/mountinfo": mounts}
    written |= {f"groups/{name}": text for name, text in files.items()}
    for name, text in written.items():
        path = system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(text).rstrip("\n") + "\n")
