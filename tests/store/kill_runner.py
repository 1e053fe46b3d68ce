"""Merges totals, or starts a worker, in a process that is killed at a given system call.

``python kill_runner.py`` reads lines of JSON, ``[what, directory, call]``, and answers each with
whether the process got to its end. It is a program of its own since a test run has threads,
and a fork beside threads is not safe.
"""

import json
import mmap
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.store.driving import merge_all, open_store, shared

CALLS = "open close rename unlink listdir pread pwrite posix_fallocate ftruncate fstat write"


def run(what: str, path: Path, last: int) -> bool:
    """Whether a child that is killed at the call of this number ended before it."""
    child = os.fork()
    if child == 0:
        try:
            _work(what, path, last)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, -signal.SIGKILL}, code
    return code == 0


def _work(what: str, path: Path, last: int) -> None:
    where = shared(path)
    calls = 0

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            nonlocal calls
            if calls == last:
                os.kill(os.getpid(), signal.SIGKILL)
            calls += 1
            return function(*args, **kwargs)

        return wrapped

    for name in CALLS.split():
        setattr(os, name, deadly(getattr(os, name)))
    if what == "merge":
        merge_all(where)
    else:
        mmap.mmap = deadly(mmap.mmap)  # type: ignore[assignment,misc] # it dies at a chosen call
        open_store(path)
    os._exit(0)


if __name__ == "__main__":
    for line in sys.stdin:
        given, folder, number = json.loads(line)
        sys.stdout.write(f"{json.dumps(run(given, Path(folder), number))}\n")
        sys.stdout.flush()
