"""Slots of requests in flight, in the shared memory of one worker."""

import mmap
from typing import Any, Final

from sidelight.store import layout
from sidelight.store.layout import WORD

try:
    from ctypes import c_char

    PathField: Any = c_char * layout.PATH_BYTES
    """The fastest way to write bytes into shared memory is to set the ``value`` of this."""
except ImportError:  # a Python that was built without ctypes

    class PathField:  # type: ignore[no-redef]
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


class InflightSlot:
    """The slot of a request: the index of its first word, and its path as ``text.value``."""

    __slots__ = ("text", "word")
    text: Any

    def __init__(self, word: int, memory: mmap.mmap) -> None:
        self.word = word
        self.map_to(memory)

    def map_to(self, memory: mmap.mmap) -> None:
        """Use another mapping of the file."""
        self.text = PathField.from_buffer(memory, (self.word + 2) * WORD)

    def __deepcopy__(self, _: object) -> "InflightSlot":
        """A copy of a request has the same slot."""
        return self


UNTRACKED: Final = InflightSlot.__new__(InflightSlot)
"""The slot of a request for which there is none left."""
