"""Checks of the machine: versions, settings, shared memory and permissions."""

import os
import platform
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.errors import SettingsError
from sidelight.nearest import nearest
from sidelight.runtime.about import version
from sidelight.settings import OPTIONS, Settings, disabled, load, variable
from sidelight.store.capacity import worker_file_bytes
from sidelight.store.directory import memory_folder
from sidelight.store.schema import schema

OLDEST = {"fastapi": (0, 115), "starlette": (0, 38), "prometheus_client": (0, 19)}
WORKERS_TO_FIT = 4
TMPFS_MOUNTS = frozenset({"tmpfs", "ramfs"})


def check_machine(environ: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Findings that do not depend on the application."""
    yield from _versions()
    yield from _misspelt(environ)
    try:
        settings = load({}, environ)
    except SettingsError as error:
        yield fail(f"settings: {error}", "correct the value in the environment or the file")
        return
    if disabled(environ):
        yield fail("SIDELIGHT_DISABLED is set: nothing is measured", "unset SIDELIGHT_DISABLED")
    if environ.get("PROMETHEUS_MULTIPROC_DIR"):
        yield warn(
            "PROMETHEUS_MULTIPROC_DIR is set: prometheus_client writes files that Sidelight "
            "does not read",
            "unset PROMETHEUS_MULTIPROC_DIR",
        )
    yield from _memory(settings)


def _misspelt(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Variables that no setting reads, and that are similar to one that a setting does."""
    variables = {key: variable(key) for key in OPTIONS}
    for name in environ:
        if name.startswith("SIDELIGHT_") and name not in variables.values():
            near = nearest(name.removeprefix("SIDELIGHT_"), variables, cutoff=0.8)
            if near:
                yield warn(
                    f"{name} has no effect: no setting has that name",
                    f"rename it to {variables[near]}",
                )


def _versions() -> Iterator[Finding]:
    yield ok(f"Python {platform.python_version()}")
    for package, oldest in OLDEST.items():
        found = version(package)
        name = f"{package} {found}"
        if not found:
            continue
        if _numbers(found) < oldest:
            wanted = ".".join(map(str, oldest))
            yield fail(f"{name} is not supported", f"pip install '{package}>={wanted}'")
        else:
            yield ok(name)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _memory(settings: Settings) -> Iterator[Finding]:
    if os.name == "nt":
        yield warn(
            "Windows has no shared store: each process has metrics of its own", "run one worker"
        )
        return
    where = Path(settings.directory or memory_folder())
    if settings.directory:
        yield from _shared(where)
    else:
        yield from _default(where / f"sidelight-{os.getuid()}")
    if not where.is_dir():
        return
    yield from _space(where, settings)
    if _filesystem(where) not in TMPFS_MOUNTS:
        yield warn(
            f"{where} is not in memory: every count may cost a write to a disk",
            "set SIDELIGHT_DIR to a directory on tmpfs, such as /dev/shm/shop",
        )


def _shared(where: Path) -> Iterator[Finding]:
    if not where.exists() and not where.is_symlink():
        if where.parent.is_dir() and os.access(where.parent, os.W_OK):
            yield ok(f"{where} will be created at the first start")
        else:
            yield fail(f"{where} can't be created", f"mkdir -p {where} && chmod 2770 {where}")
    elif where.is_symlink() or not where.is_dir():
        yield fail(f"{where} is not a directory", "name a directory, not a file or a symbolic link")
    elif not os.access(where, os.R_OK | os.W_OK | os.X_OK):
        group = _group(where.stat().st_gid)
        yield fail(
            f"{where} can't be written by this user", f"usermod -aG {group} USER, or chmod 2770"
        )
    elif where.stat().st_mode & stat.S_IWOTH:
        yield fail(f"{where} is writable by everyone", f"chmod 2770 {where}")
    else:
        yield ok(f"{where} can be written")


def _default(where: Path) -> Iterator[Finding]:
    if not where.parent.is_dir() or not os.access(where.parent, os.W_OK):
        yield fail(f"{where.parent} can't be written", "export SIDELIGHT_DIR=/run/sidelight")
    elif where.is_symlink() or (where.exists() and not _private(where)):
        yield fail(f"{where} is open to other users", f"rm -r {where}")
    else:
        yield ok(f"{where.parent} can be written")


def _private(where: Path) -> bool:
    found = where.stat()
    return where.is_dir() and found.st_uid == os.getuid() and not found.st_mode & 0o077


def _group(gid: int) -> str:
    try:
        import grp  # noqa: PLC0415 Windows has none

        return grp.getgrgid(gid).gr_name
    except (ImportError, KeyError):
        return str(gid)


def _space(where: Path, settings: Settings) -> Iterator[Finding]:
    needed = worker_file_bytes(schema(settings.buckets), settings.max_series)
    found = os.statvfs(where)
    fits = found.f_bavail * found.f_frsize // needed
    text = f"{where} has space for {fits} workers of {needed / 2**20:.1f} MiB"
    if fits < WORKERS_TO_FIT:
        yield fail(text, "docker run --shm-size=64m, or a larger medium: Memory volume")
    else:
        yield ok(text)


def _filesystem(where: Path) -> str:
    """The type of the filesystem a path is on; tmpfs where that is unknown."""
    try:
        lines = os.fsdecode(Path("/proc/self/mounts").read_bytes()).splitlines()
    except OSError:
        return "tmpfs"
    real = os.path.realpath(where)
    mounts = [line.split()[1:3] for line in lines]
    inside = [(len(at), kind) for at, kind in mounts if f"{real}/".startswith(f"{at.rstrip('/')}/")]
    return max(inside, default=(0, "tmpfs"))[1]
