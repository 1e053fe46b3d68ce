"""Counts once what all workers of a directory read alike, such as the counters of their container.

What has been counted is in a file of the directory, beside the workers' files. A worker that reads
more counts the difference as its own, so that sums over workers are right.
"""

import json
from collections.abc import Callable
from contextlib import suppress

from sidelight.store.directory import Directory

NAME = "counted"
LOCK = "counted.lock"
MOST_SOURCES = 16
"""The newest sources that are remembered: each container that starts in a directory is another."""

Reading = tuple[str, tuple[int, ...]]
"""The id of a source, and its counters."""


class SharedCounts:
    """What one worker knows to be counted."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, ...]] = {}

    def take(
        self, read: Callable[[], Reading | None], directory: Directory | None
    ) -> tuple[int, ...] | None:
        """How much this worker is to count, by counter; None where nothing can be read.

        Without a directory this worker is alone. Raises OSError.
        """
        reading = read()
        if reading is None:
            return None
        source, values = reading
        if self._known.get(source) == values:
            return (0,) * len(values)
        if directory is None:
            return self._difference(reading)
        with directory.locked(LOCK) as locked:
            # Another worker that has the lock counts it; a later reading takes the rest.
            again = read() if locked else None
            return (0,) * len(values) if again is None else self._take_shared(again, directory)

    def _take_shared(self, reading: Reading, directory: Directory) -> tuple[int, ...]:
        source, values = reading
        counted = _decode(directory.read(NAME))
        if source in counted:
            self._known[source] = counted.pop(source)
        difference = self._difference(reading)
        if any(difference):
            kept = dict([*counted.items(), (source, values)][-MOST_SOURCES:])
            directory.write(NAME, json.dumps(kept).encode())
        return difference

    def _difference(self, reading: Reading) -> tuple[int, ...]:
        """The increase since what is known; counters that have fallen began again."""
        source, values = reading
        before = self._known.get(source, ())
        self._known[source] = values
        if len(before) != len(values) or any(map(int.__lt__, values, before)):
            return values
        return tuple(map(int.__sub__, values, before))


def _decode(data: bytes | None) -> dict[str, tuple[int, ...]]:
    """What the file says; nothing where it is missing, torn or another program's."""
    with suppress(ValueError, TypeError, AttributeError):
        return {
            source: tuple(map(int, values)) for source, values in json.loads(data or b"{}").items()
        }
    return {}
