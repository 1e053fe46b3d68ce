"""A blocked event loop, as its worker's watchdog shows it to other processes while it lasts."""

import time
from dataclasses import asdict, dataclass
from json import loads
from typing import Any

from sidelight.contract import NANOSECONDS
from sidelight.store import json_records
from sidelight.store.layout import BLOCKED_LOOP_BYTES

MAX_TEXT = 240
NOT_BLOCKED = bytes(BLOCKED_LOOP_BYTES)


@dataclass(frozen=True, slots=True)
class BlockedLoop:
    """An event loop that is blocked now, for how many seconds so far, and by what."""

    worker: int
    seconds: float
    blocked_by: str

    def to_dict(self) -> dict[str, Any]:
        """The fields by name."""
        return asdict(self)


def pack(began: int, blocked_by: str) -> bytes:
    """A block that began at a CLOCK_MONOTONIC time, in nanoseconds."""
    fields = {"began": began, "blocked_by": blocked_by[:MAX_TEXT]}
    return json_records.packed(fields, BLOCKED_LOOP_BYTES) or NOT_BLOCKED


def read(data: bytes, at: int, worker: int) -> BlockedLoop | None:
    """The block that is stored at a byte; None where the loop runs."""
    try:
        fields = loads(json_records.text_at(data, at) or b"{}")
        seconds = (time.monotonic_ns() - int(fields["began"])) / NANOSECONDS
        return BlockedLoop(worker, seconds, str(fields["blocked_by"]))
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
        return None
