"""Reads a whole directory: every worker's file that counts, and the totals."""

import errno
import os
from collections.abc import Callable, Generator

from sidelight.store import layout, user
from sidelight.store.directory import TOTALS, USER_SUFFIX, WORKER_SUFFIX, Directory
from sidelight.store.layout import Damaged
from sidelight.store.reader import File, Index, reading, whole

OWN_TROUBLE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})
CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.EIO})
Skip = Callable[[str, str], None]
# What all files together may take of a reader's memory, and what they weigh in it.
MOST_WEIGHT = 4 * layout.MOST_BYTES
SERIES_WEIGHT = 256
USER_WEIGHT = 8


def read_all(
    directory: Directory, known: dict[bytes, Index], skip: Skip
) -> Generator[None, None, tuple[list[File], File | None]]:
    """Every worker's file that the totals don't hold, and the totals.

    Files are read first and totals second: a worker folded in between is then found in the
    totals' ids, never in both or in neither. Yields between files.
    """
    found = []
    left = MOST_WEIGHT
    for name in directory.names(WORKER_SUFFIX):
        file = yield from _worker(directory, name, known, skip, min(left, layout.MOST_BYTES))
        yield
        if file is not None:
            found.append(file)
            left -= _weight(file)
    totals = yield from read_totals(directory, known, skip)
    folded = set(totals.index.folded if totals else ())
    files = [file for file in found if file.header.id not in folded]
    for gone in known.keys() - {f.header.id for f in (*files, *([totals] if totals else []))}:
        known.pop(gone, None)
    return files, totals


def _worker(
    directory: Directory, name: str, known: dict[bytes, Index], skip: Skip, most: int
) -> Generator[None, None, File | None]:
    """A worker's file with its snapshot, which goes when it is folded: so before the totals."""
    snapshot = name.removesuffix(WORKER_SUFFIX) + USER_SUFFIX
    file = yield from _read(directory, name, known, skip, most)
    if file is None:
        return None
    if file.index.strange:
        skip(name, "later_blocks")
    if file.index.overlong:
        skip(name, "long_labels")
    try:
        file.user = _whole(directory, snapshot, min(most // USER_WEIGHT, user.MOST_BYTES))
    except FileNotFoundError:
        pass
    except (Damaged, OSError) as damage:
        file.user = b""
        skip(snapshot, getattr(damage, "reason", "unreadable"))
    return file


def _weight(file: File) -> int:
    return len(file.data) + len(file.index.series) * SERIES_WEIGHT + len(file.user) * USER_WEIGHT


def _read(  # noqa: PLR0913 a directory's file, and how a reader reads
    directory: Directory,
    name: str,
    known: dict[bytes, Index],
    skip: Skip,
    most: int,
    *,
    alive: bool | None = None,
) -> Generator[None, None, File | None]:
    """A file that is there and sound."""
    try:
        fd = directory.open(name)
    except FileNotFoundError:
        return None
    except OSError as error:
        _unreadable(name, error, skip)
        return None
    try:
        return (yield from reading(name, fd, known, alive=alive, most=most))
    except Damaged as damage:
        skip(name, damage.reason)
        return None
    except OSError as error:
        _unreadable(name, error, skip)
        return None
    finally:
        os.close(fd)


def _unreadable(name: str, error: OSError, skip: Skip) -> None:
    """Leave a worker's file out. Raises the error where counts would fall for no reason.

    That is without the totals, and where this process can't open files at all.
    """
    if error.errno in OWN_TROUBLE or (name == TOTALS and error.errno in CLOSED):
        raise error
    skip(name, "unreadable")


def _whole(directory: Directory, name: str, most: int) -> bytes:
    fd = directory.open(name)
    try:
        return whole(fd, most)
    finally:
        os.close(fd)


def read_totals(
    directory: Directory, known: dict[bytes, Index], skip: Skip
) -> Generator[None, None, File | None]:
    """The totals, where they are there and sound."""
    return (yield from _read(directory, TOTALS, known, skip, layout.MOST_BYTES, alive=False))
