"""The directory that the workers of one server share: its permissions, its names, its locks."""

import errno
import os
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sidelight.errors import StoreError
from sidelight.store import locks, supervisor

WORKER_SUFFIX = ".worker"
APP_METRICS_SUFFIX = ".user"
DRAFT_SUFFIX = ".draft"
TOTALS = "totals"
MERGE_LOCK = "fold.lock"
NUMBER_LOCK = "number.lock"
IDENTITY = "identity"
SCRAPE_MARK = "scraped"
MAX_READ = 4 * 1024 * 1024
ABANDONED_AFTER = 600.0
"""Seconds. A worker sets the time of its file every second, and is replaced sooner than this."""
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Directory:
    """One open directory. Files are opened relative to it, and links are not followed.

    A ``shared`` one was named by the operator: it stays after its workers end, and its group may
    read it.
    """

    def __init__(self, path: str, fd: int, *, shared: bool) -> None:
        self.path = path
        self.fd = fd
        self.shared = shared
        self.file_mode = 0o640 if shared else 0o600

    def names(self, suffix: str) -> list[str]:
        """Names that end in ``suffix``. Empty when the directory is gone. Raises OSError."""
        try:
            return sorted(name for name in os.listdir(self.fd) if name.endswith(suffix))
        except FileNotFoundError:
            return []

    def open(self, name: str, flags: int = os.O_RDONLY) -> int:
        """Open a file of the directory by its bare name. Raises OSError."""
        flags |= os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(name, flags, self.file_mode, dir_fd=self.fd)
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", name)
        if flags & os.O_CREAT and found.st_uid == os.geteuid():
            os.fchmod(fd, self.file_mode)  # the umask does not apply: the group is meant to read it
            if self.shared:
                self._set_group(fd, found)
        return fd

    def _set_group(self, fd: int, found: os.stat_result) -> None:
        """Give a file to the directory's group, where no setgid bit does."""
        group = os.fstat(self.fd).st_gid
        if found.st_gid != group:
            with suppress(OSError):  # not of that group
                os.fchown(fd, -1, group)

    def read(self, name: str) -> bytes | None:
        """The first `MAX_READ` bytes of a file; None where there is none."""
        try:
            with os.fdopen(self.open(name), "rb") as file:
                return file.read(MAX_READ)
        except OSError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Replace a file at once: a reader sees either the old one or the new one."""
        draft = f"{name}.{os.getpid()}.{time.monotonic_ns()}{DRAFT_SUFFIX}"
        fd = self.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(data)
            os.rename(draft, name, src_dir_fd=self.fd, dst_dir_fd=self.fd)
        except OSError:
            self.remove(draft)
            raise

    def touch(self, name: str) -> None:
        """Make an empty file, or set its time to now, whichever user of the group owns it."""
        try:
            os.utime(name, dir_fd=self.fd, follow_symlinks=False)
        except OSError:
            self.remove(name)
            os.close(self.open(name, os.O_RDONLY | os.O_CREAT))

    def mark_scraped(self) -> None:
        """Tell all workers that the metrics are scraped. Raises OSError."""
        self.touch(SCRAPE_MARK)

    def scraped_within(self, seconds: float) -> bool:
        """Whether `mark_scraped` was called in the last so many seconds."""
        try:
            scraped = os.stat(SCRAPE_MARK, dir_fd=self.fd, follow_symlinks=False).st_mtime
        except OSError:
            return False
        return time.time() - scraped < seconds

    def identity(self, proposal: str) -> str:
        """The id of this directory: the first one proposed. It stays as long as the directory."""
        with suppress(OSError, ValueError), self.locked(NUMBER_LOCK, seconds=1.0):
            if not self.names(IDENTITY):
                self.write(IDENTITY, proposal.encode())
            return str(uuid.UUID((self.read(IDENTITY) or b"").decode("ascii", "replace")))
        return proposal

    def remove(self, name: str) -> None:
        """Remove a file if it is there."""
        with suppress(OSError):
            os.unlink(name, dir_fd=self.fd)

    @contextmanager
    def locked(self, name: str, seconds: float = 0.0) -> Iterator[bool]:
        """Hold a lock file; yields whether the lock was acquired within ``seconds``."""
        fd = self.open(name, os.O_RDONLY | os.O_CREAT)
        try:
            yield locks.acquire(fd, seconds)
        finally:
            os.close(fd)

    def exists(self) -> bool:
        """Whether the path is still that of this directory."""
        try:
            by_path, opened = os.stat(self.path, follow_symlinks=False), os.fstat(self.fd)
        except OSError:
            return False
        return os.path.samestat(by_path, opened)

    def unused_for(self) -> float:
        """Seconds since the last change of the directory or of one of its files."""
        times = [os.fstat(self.fd).st_mtime]
        for name in self.names(""):
            with suppress(OSError):
                times.append(os.stat(name, dir_fd=self.fd, follow_symlinks=False).st_mtime)
        return time.time() - max(times)

    def destroy(self) -> None:
        """Remove its files, and the directory if that leaves it empty."""
        for name in self.names(""):
            self.remove(name)
        with suppress(OSError):
            os.rmdir(self.path)

    def close(self) -> None:
        """Close the descriptor."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        """Close it once nothing uses it: a thread that takes a snapshot may still do so."""
        self.close()


def open_shared(path: str) -> Directory:
    """A directory that the operator named; made (mode 2770) if missing. Raises `StoreError`."""
    with suppress(FileExistsError), _explained(path):
        os.mkdir(path, 0o770)
        os.chmod(path, 0o2770)  # noqa: S103 a group is meant to share it
    with _explained(path):
        fd = os.open(path, _OPEN)
    mode = os.fstat(fd).st_mode
    if mode & stat.S_IWOTH:
        os.close(fd)
        raise StoreError("rights", f"{path} is writable by everyone; chmod 2770 {path}")
    return Directory(path, fd, shared=True)


def open_private(group: str) -> Directory:
    """The directory of one server's workers, in that of this user. Raises `StoreError`."""
    base = open_user_base()
    remove_abandoned(base, keep=group)
    path = os.path.join(base.path, group)
    with _explained(path):
        with suppress(FileExistsError):
            os.mkdir(group, 0o700, dir_fd=base.fd)
        fd = os.open(group, _OPEN, dir_fd=base.fd)
    base.close()
    return Directory(path, fd, shared=False)


def open_user_base() -> Directory:
    """``sidelight-UID`` on tmpfs, made if missing, refused if other users have access to it."""
    path = os.path.join(memory_folder(), f"sidelight-{os.getuid()}")
    with _explained(path):
        with suppress(FileExistsError):
            os.mkdir(path, 0o700)
        fd = os.open(path, _OPEN)
    found = os.fstat(fd)
    if found.st_uid != os.getuid() or found.st_mode & 0o077:
        os.close(fd)
        raise StoreError("rights", f"{path} is not this user's alone; remove it, or chmod 700")
    return Directory(path, fd, shared=False)


def open_existing(path: str) -> Directory:
    """A directory that exists, for reading; nothing is made. Raises `StoreError`."""
    with _explained(path):
        return Directory(path, os.open(path, _OPEN), shared=True)


def own_directories() -> list[str]:
    """Paths of the directories that servers of this user made for themselves."""
    base = Path(memory_folder()) / f"sidelight-{os.getuid()}"
    try:
        return sorted(str(path) for path in base.iterdir() if path.is_dir())
    except OSError:
        return []


def memory_folder() -> str:
    """Where files are kept in memory: /dev/shm, or else the temporary folder."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else tempfile.gettempdir()  # noqa: S108 see open_user_base


def remove_abandoned(base: Directory, keep: str) -> None:
    """Remove the directories of servers that ended without removing them.

    Whether a supervisor in another container runs is not known: its directory is removed when it
    has no worker and nothing in it has changed for `ABANDONED_AFTER` seconds.
    """
    for group in base.names(""):
        running = supervisor.is_running(group)
        if group == keep or running:
            continue
        try:
            fd = os.open(group, _OPEN, dir_fd=base.fd)
        except OSError:
            continue
        left = Directory(os.path.join(base.path, group), fd, shared=False)
        recent = running is None and left.unused_for() < ABANDONED_AFTER
        if not recent and not any(workers(left, alive=True)):
            left.destroy()
        left.close()


def workers(directory: Directory, *, alive: bool) -> Iterator[str]:
    """Names of worker files whose process runs, or of those whose process has ended."""
    for name in directory.names(WORKER_SUFFIX):
        with suppress(OSError):
            fd = directory.open(name)
            try:
                if locks.is_free(fd) is not alive:
                    yield name
            finally:
                os.close(fd)


_REASONS = {
    errno.ENOENT: "vanished",
    errno.ENOSPC: "no_space",
    errno.EACCES: "rights",
    errno.EROFS: "read_only",
}


def explained(error: OSError, path: str) -> StoreError:
    """A `StoreError` for an error of the operating system, with a short reason."""
    reason = _REASONS.get(error.errno or 0, "unusable")
    return StoreError(reason, f"{path} can't be used: {error.strerror or error}")


@contextmanager
def _explained(path: str) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise explained(error, path) from error
