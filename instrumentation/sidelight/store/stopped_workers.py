"""Merges the files of workers that have stopped into the directory's totals, each exactly once.

The new totals, which name the ids of the workers in them, replace the old ones by a rename;
only then are the workers' files removed. A process that dies in between leaves files whose ids
the totals name, and readers skip those.
"""

import os
import time
from collections.abc import Generator

from sidelight.errors import InvalidDataError
from sidelight.store import layout
from sidelight.store.directory import (
    APP_METRICS_SUFFIX,
    DRAFT_SUFFIX,
    MERGE_LOCK,
    NUMBER_LOCK,
    TOTALS,
    WORKER_SUFFIX,
    Directory,
    workers,
)
from sidelight.store.directory_reader import ACCESS_ERRORS, READER_ERRORS, DirectoryReader
from sidelight.store.reader import FileContents
from sidelight.store.totals import merged_totals

Steps = Generator[None, None, None]
DAMAGED_SUFFIX = ".damaged"
MAX_DAMAGED = 4


def merge_stopped_workers(reader: DirectoryReader, wait: float = 0.0) -> Steps:
    """Merge every stopped worker of a directory into its totals. Yields between files.

    Waits up to ``wait`` seconds for another process that does the same, then does nothing.
    Raises OSError when the totals cannot be written; nothing is lost then.
    """
    directory = reader.directory
    if directory is None:
        return
    if not any(workers(directory, alive=False)) and not directory.names(DRAFT_SUFFIX):
        return
    with directory.locked(MERGE_LOCK, wait) as locked:
        if not locked:
            return
        before = yield from reader.read_totals(lambda _name, _reason: None)
        _remove_merged(directory, before)
        yield from _remove_drafts(directory)
        files, totals = yield from reader.read()
        stopped = [file for file in files if not file.alive]
        if stopped and _is_replaceable(directory, totals):
            new, stopped = yield from merged_totals(totals, stopped, reader.skip)
            if stopped:
                directory.write(TOTALS, new)
            for file in stopped:
                _remove_worker(directory, file.name)


def _remove_merged(directory: Directory, totals: FileContents | None) -> None:
    """Remove files that are in the totals: a process died before it removed them."""
    ids = {name.hex() for name in totals.index.merged_ids} if totals else set()
    for name in directory.names(WORKER_SUFFIX):
        if name.removesuffix(WORKER_SUFFIX) in ids:
            _remove_worker(directory, name)


def _remove_drafts(directory: Directory) -> Steps:
    """Remove unfinished files of processes that died while they wrote them."""
    drafts = directory.names(DRAFT_SUFFIX)
    if not drafts:
        return
    with directory.locked(NUMBER_LOCK) as nobody_starts:
        alive = set()
        for name in workers(directory, alive=True):
            alive.add(name.removesuffix(WORKER_SUFFIX))
            yield
        for name in drafts:
            owner, *rest = name.split(".")
            unfinished_start = len(rest) == 1
            if (unfinished_start and nobody_starts) or not (unfinished_start or owner in alive):
                directory.remove(name)
                yield


def _remove_worker(directory: Directory, name: str) -> None:
    """Remove the snapshot first: without its worker's file it would stay for good."""
    directory.remove(name.removesuffix(WORKER_SUFFIX) + APP_METRICS_SUFFIX)
    directory.remove(name)


def _is_replaceable(directory: Directory, totals: FileContents | None) -> bool:
    """Whether new totals may be written.

    Damaged totals are renamed first. Totals of a later version, which this one cannot read,
    stay, and so do the stopped workers: a process that understands both merges them.
    """
    if totals is None and TOTALS in directory.names(TOTALS):
        try:
            fd = directory.open(TOTALS)
            with os.fdopen(fd, "rb") as file:
                layout.unpack_header(file.read(layout.HEADER_BYTES))
        except OSError as error:
            if error.errno in READER_ERRORS | ACCESS_ERRORS:
                return False
        except InvalidDataError as error:
            if error.reason == layout.LATER:
                return False
        _rename_damaged(directory)
    return True


def _rename_damaged(directory: Directory) -> None:
    """Keep damaged totals under another name, for a later examination: only the last few."""
    aside = f"{TOTALS}.{time.time_ns()}{DAMAGED_SUFFIX}"
    os.rename(TOTALS, aside, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
    for name in directory.names(DAMAGED_SUFFIX)[:-MAX_DAMAGED]:
        directory.remove(name)
