"""Slots of requests in flight, in the shared memory of one worker.

A slot is the index of its first word.
"""

import mmap
from typing import Any, Final

from sidelight.store import layout
from sidelight.store.layout import WORD

try:
    from ctypes import c_char

    PathField: Any = c_char * layout.PATH_BYTES
    """The fastest way to write bytes into shared memory is to set the ``value`` of this."""
except ImportError:  # a Python that was built without ctypes

    class PathField:  # type: ignore[no-redef] # the other is of ctypes
        """Bytes that are stored up to and with a NUL, as an array of ctypes stores them."""

        def __init__(self, memory: mmap.mmap, at: int) -> None:
            self._memory = memory
            self._at = at

        @classmethod
        def from_buffer(cls, memory: mmap.mmap, at: int) -> Any:
            """A field at this offset, as ctypes makes it."""
            return cls(memory, at)

        def _store(self, text: bytes) -> None:
            if len(text) > layout.PATH_BYTES:
                raise ValueError("bytes too long")
            filled = text.ljust(layout.PATH_BYTES, b"\0")
            self._memory[self._at : self._at + layout.PATH_BYTES] = filled

        value = property(None, _store)


def path_field(memory: mmap.mmap, slot: int) -> PathField:
    """Where the path of a slot is written, as its ``value``."""
    field: PathField = PathField.from_buffer(memory, (slot + 2) * WORD)
    return field


UNTRACKED: Final = 0
"""The slot of a request for which there is none left."""

RequestId = tuple[int, int]
"""A request of a worker that is in flight: when it began (CLOCK_MONOTONIC, ns), and its slot.

Several that waited for the same block of the event loop may have begun at the same time. No class
of its own, since a thousand are made for each look at where they wait.
"""
