"""The oldest request in flight of each route, and where it waits, as its worker last saw it."""

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from json import loads
from typing import Any

from sidelight.contract import NANOSECONDS
from sidelight.store import json_records
from sidelight.store.layout import WAITING_BYTES

MAX_ROUTE = 120
MAX_PLACE = 200
MOST = 16
"""Routes of a worker: those with the oldest requests."""
NONE = bytes(WAITING_BYTES)

Waiting = tuple[int, str, str]
"""When a request began (CLOCK_MONOTONIC, ns), its route, and where it waits."""


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """A request in flight: the oldest of its route in a worker, for how many seconds so far."""

    worker: int
    route: str
    seconds: float
    waits_at: str

    @classmethod
    def since(cls, start: int, worker: int, route: str, waits_at: str) -> "WaitingRequest":
        """A request that began at a CLOCK_MONOTONIC time, in nanoseconds."""
        return cls(worker, route, (time.monotonic_ns() - start) / NANOSECONDS, waits_at)

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def pack(requests: Iterable[Waiting]) -> bytes:
    """The oldest of some requests, as many as have room."""
    rows = [
        [start, route[:MAX_ROUTE], place[:MAX_PLACE]]
        for start, route, place in sorted(requests)[:MOST]
    ]
    while rows:
        found = json_records.packed({"requests": rows}, WAITING_BYTES)
        if found is not None:
            return found
        rows.pop()
    return NONE


def read(data: bytes, at: int) -> list[Waiting]:
    """The requests that are stored at a byte, the oldest first."""
    try:
        rows = loads(json_records.text_at(data, at) or b"{}").get("requests", ())
        return [(int(start), str(route), str(place)) for start, route, place in rows]
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError):
        return []
