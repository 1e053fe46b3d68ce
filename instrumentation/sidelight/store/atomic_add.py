"""Adding to a word of a worker's file, which several threads may add to at the same time.

With a GIL, a load, an addition and a store are one step (docs/decisions/0002). Without one, the
native extension adds atomically, and a lock does the same where there is no extension.
"""

import os
import sys
import threading
from typing import Final

from sidelight.extension import extension

FREE_THREADED: Final = "free-threading build" in sys.version
"""Whether this Python may run without a GIL: importing a module may turn it on later."""
_lock = threading.RLock()  # a finalizer may count while this thread holds it


def _add_in_one_step(words: memoryview, at: int, amount: int) -> None:
    words[at] += amount


def _add_with_lock(words: memoryview, at: int, amount: int) -> None:
    with _lock:
        words[at] += amount


add = _add_in_one_step
"""Add an amount to the word at an index; the amount may be negative."""
if FREE_THREADED:
    add = _add_with_lock if extension is None else extension.add


def _after_fork() -> None:
    """In a forked child: a thread of the parent may have held the lock."""
    global _lock  # noqa: PLW0603 one a process
    _lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
