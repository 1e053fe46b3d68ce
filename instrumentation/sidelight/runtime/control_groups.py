"""Where the control groups of this process are in the file system, by controller.

Each controller is looked up by itself, since some may be of version 1 and others of version 2
(https://docs.kernel.org/admin-guide/cgroup-v2.html, cgroups(7), proc_pid_mountinfo(5)).
"""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

PROC = Path("/proc/self")
ESCAPE = re.compile(r"\\([0-7]{3})")


class GroupMount(NamedTuple):
    """Where a hierarchy of groups is mounted, and which of its groups is seen there."""

    root: PurePosixPath
    point: Path


def folders(controller: str) -> tuple[Path, ...]:
    """The folders of this process's group and of its parents, from the innermost one on.

    Only those that can be seen: a container may have the root of its groups alone. They are of
    version 1 where that has the controller. They are looked up once; there are none where they
    cannot be found.
    """
    return _folders(controller, os.getpid())


@lru_cache(maxsize=2)
def _folders(controller: str, _pid: int) -> tuple[Path, ...]:
    with suppress(OSError, ValueError, IndexError):
        groups = dict(_groups())
        for kind, name in (("cgroup", controller), ("cgroup2", "")):
            for mount in _mounts(kind, controller):
                return tuple(_seen(mount, PurePosixPath(groups.get(name, "/"))))
    return ()


def _seen(mount: GroupMount, group: PurePosixPath) -> Iterator[Path]:
    """The folders of a group and of its parents, where a group outside of the mount is its root."""
    parts = group.relative_to(mount.root).parts if group.is_relative_to(mount.root) else ()
    if ".." in parts:  # of another namespace
        parts = ()
    found = (mount.point.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))
    return filter(Path.is_dir, found)


def _groups() -> Iterator[tuple[str, str]]:
    """The group of each controller of version 1, and that of version 2, whose name is empty."""
    for line in os.fsdecode((PROC / "cgroup").read_bytes()).splitlines():
        _, _, rest = line.partition(":")
        controllers, found, group = rest.partition(":")
        for controller in controllers.split(",") if found else ():
            yield controller, group


def _mounts(kind: str, controller: str) -> Iterator[GroupMount]:
    """Mounts of version 2, or those of version 1 that have a controller."""
    for line in os.fsdecode((PROC / "mountinfo").read_bytes()).splitlines():
        place, _, rest = line.partition(" - ")
        fields, types = place.split(" "), rest.split(" ")
        if types[0] == kind and (kind == "cgroup2" or controller in types[-1].split(",")):
            yield GroupMount(PurePosixPath(_text(fields[3])), Path(_text(fields[4])))


def _text(field: str) -> str:
    r"""A field of mountinfo, in which a space is ``\040``."""
    return ESCAPE.sub(lambda found: chr(int(found[1], 8)), field)
