"""Checks of the machine: versions, settings, shared memory and permissions."""

import os
import platform
import re
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.doctor.workers import check_workers
from sidelight.errors import SettingsError
from sidelight.extension import BUILD, PURE, extension
from sidelight.nearest import nearest_key
from sidelight.runtime.about import version
from sidelight.settings import DISABLED, OPTIONS, Settings, disabled, load, variable
from sidelight.settings_file import CONFIG
from sidelight.store.capacity import worker_file_bytes
from sidelight.store.directory import memory_folder
from sidelight.store.schema import schema

OLDEST = {"fastapi": (0, 115), "starlette": (0, 38), "prometheus_client": (0, 19)}
WORKERS_TO_FIT = 4
TMPFS_MOUNTS = frozenset({"tmpfs", "ramfs"})
PREFIX = "SIDELIGHT_"
NOT_DISABLED = frozenset({"", "0", "false", "no", "off"})
OF_KUBERNETES = re.compile(
    PREFIX + r"(\w+_)?(SERVICE_(HOST|PORT\w*)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
"""Variables that Kubernetes sets in each container for a Service that is called sidelight."""


def check_machine(
    environ: Mapping[str, str] = os.environ, of_commands: Collection[str] = ()
) -> Iterator[Finding]:
    """Findings that do not depend on the application.

    ``of_commands`` are the variables that commands read, and the middleware does not.
    """
    yield from _versions()
    yield from _fast_path(environ)
    of_others = {CONFIG, DISABLED, PURE, BUILD, *of_commands}
    yield from _misspelt(environ, {*map(variable, OPTIONS), *of_others})
    yield from _disabled(environ)
    try:
        settings = load({}, environ)
    except SettingsError as error:
        yield fail(f"settings: {error}", "correct the value in the environment or the file")
        return
    yield ok(f"settings file: {settings.file}")
    if environ.get("PROMETHEUS_MULTIPROC_DIR"):
        yield warn(
            "PROMETHEUS_MULTIPROC_DIR is set: prometheus_client writes files that Sidelight "
            "does not read",
            "unset PROMETHEUS_MULTIPROC_DIR",
        )
    yield from _memory(settings)
    yield from check_workers(settings)


def _fast_path(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Whether common requests are measured natively."""
    if extension is not None:
        yield ok("fast path: native")
    elif environ.get(PURE):
        yield ok(f"fast path: Python, since {PURE} is set")
    else:
        yield warn(
            "fast path: Python, since this installation has no native extension; a request costs "
            "about three times as much",
            "install a wheel for this platform, or install with a C compiler and Python's headers "
            f"({BUILD}=1 shows what fails)",
        )


def _misspelt(environ: Mapping[str, str], known: Collection[str]) -> Iterator[Finding]:
    """Variables with Sidelight's prefix that nothing reads."""
    names = {name.removeprefix(PREFIX): name for name in sorted(known)}
    names |= {key.upper(): variable(key) for key in OPTIONS}
    for name in environ:
        if name.startswith(PREFIX) and name not in known and not OF_KUBERNETES.fullmatch(name):
            near = nearest_key(name.removeprefix(PREFIX), names)
            fix = f"rename it to {names[near]}" if near else "docs/settings.md lists the names"
            yield warn(f"{name} has no effect: no setting has that name", fix)


def _disabled(environ: Mapping[str, str]) -> Iterator[Finding]:
    given = environ.get(DISABLED, "0")
    if disabled(environ):
        yield fail(f"{DISABLED}={given}: nothing is measured", f"unset {DISABLED}")
    elif given.lower() not in NOT_DISABLED:
        yield warn(f"{DISABLED}={given!r} has no effect", f"{DISABLED}=1, or unset it")


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
            f"{where} of the group {group} can't be written by this user",
            f"chgrp GROUP {where} && chmod 2770 {where}, with a GROUP of this user",
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
