"""A process that works on a directory and is killed at its n-th call of the system.

Arguments: what to do (``fold`` or ``start``), the directory, and n. It ends with 0 when it
made fewer calls.
"""

import mmap
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sidelight.store.directory import shared

calls = 0


def deadly(function: Callable[..., Any], last: int) -> Callable[..., Any]:
    """The same function, if it is not the last."""

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        global calls  # noqa: PLW0603 one count for all the functions
        if calls == last:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return function(*args, **kwargs)

    return wrapped


def main() -> None:
    """Patch, then do it."""
    from tests.store.driving import fold_all, open_store

    what, path, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
    where = shared(path)
    names = "open close rename unlink fdopen listdir pread pwrite posix_fallocate fstat"
    for name in names.split():
        setattr(os, name, deadly(getattr(os, name), last))
    if what == "fold":
        fold_all(where)
    else:
        mapped = mmap.mmap
        mmap.mmap = deadly(mapped, last)  # type: ignore[assignment,misc]
        store = open_store(Path(path))
        mmap.mmap = mapped  # type: ignore[misc]
        store.file.close()
    print(calls)  # noqa: T201 told to the test


if __name__ == "__main__":
    main()
