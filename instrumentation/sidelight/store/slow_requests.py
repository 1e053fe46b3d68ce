"""The last slow requests: a ring in each worker's file, and a list in the totals.

A record is a checksum, a length, and JSON, so that a reader in another process can distinguish
a complete record from one that is being written.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from json import dumps, loads
from typing import Any

from sidelight.store.layout import SLOW_RECORD_BYTES, SLOW_RECORDS, WORD

HEAD = struct.Struct("<IH")
ROOM = SLOW_RECORD_BYTES - HEAD.size
MAX_TEXT = 120


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """One slow request. Times are in seconds, ``when`` since the epoch, at its end.

    ``status`` is 0 where none was sent. ``phases`` is None for a request that was not
    sampled. ``loop_blocked`` is how long the event loop was blocked during the request, by any
    code; ``threads_waiting`` how many calls waited for a thread when it began. None means
    unknown. ``path`` is empty unless the settings ask for it.
    """

    when: float
    route: str
    method: str
    status: int
    seconds: float
    first_byte: float
    phases: dict[str, float] | None = None
    loop_blocked: float | None = None
    threads_waiting: int | None = None
    trace_id: str = ""
    path: str = ""
    worker: int = -1

    def to_dict(self) -> dict[str, Any]:
        """The fields that are known, by name."""
        return {name: value for name, value in asdict(self).items() if value not in (None, "")}


_KINDS: dict[str, type | tuple[type, ...]] = {
    "when": (int, float),
    "route": str,
    "method": str,
    "status": int,
    "seconds": (int, float),
    "first_byte": (int, float),
    "phases": dict,
    "loop_blocked": (int, float),
    "threads_waiting": int,
    "trace_id": str,
    "path": str,
    "worker": int,
}
_NEEDED = frozenset({"when", "route", "method", "status", "seconds", "first_byte"})


def pack_record(record: SlowRequest) -> bytes:
    """A record as it is stored in a ring. One that is too long loses its path, then its phases."""
    for shorter in (
        record,
        replace(record, path=""),
        replace(record, path="", phases=None),
        replace(record, path="", phases=None, route=record.route[:MAX_TEXT]),
    ):
        text = dumps(shorter.to_dict(), separators=(",", ":")).encode()
        if len(text) <= ROOM:
            break
    else:
        text = b"{}"
    body = struct.pack("<H", len(text)) + text
    return (struct.pack("<I", zlib.crc32(body)) + body).ljust(SLOW_RECORD_BYTES, b"\0")


def read_ring(data: bytes, at: int, words: int) -> list[SlowRequest]:
    """The complete records of a ring that starts at byte ``at``."""
    found = []
    for start in range(
        at, min(at + words * WORD, len(data)) - SLOW_RECORD_BYTES + 1, SLOW_RECORD_BYTES
    ):
        checksum, length = HEAD.unpack_from(data, start)
        if length and checksum == zlib.crc32(data[start + 4 : start + HEAD.size + length]):
            found += decode(b"[" + data[start + HEAD.size : start + HEAD.size + length] + b"]")
    return found


def encode(records: Iterable[SlowRequest]) -> bytes:
    """The newest of the records, as they are stored in the totals."""
    return dumps([record.to_dict() for record in newest(records)]).encode()


def decode(data: bytes) -> list[SlowRequest]:
    """The inverse of `encode`; invalid records are left out."""
    try:
        rows = loads(data) if data else []
        return [_record(row) for row in rows if _is_record(row)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return []


def newest(records: Iterable[SlowRequest]) -> list[SlowRequest]:
    """The newest records, as many as are kept, the newest first."""
    return sorted(records, key=lambda record: record.when, reverse=True)[:SLOW_RECORDS]


def _is_record(row: Any) -> bool:
    if not isinstance(row, dict) or not row.keys() >= _NEEDED:
        return False
    return all(isinstance(row[name], _KINDS[name]) for name in row.keys() & _KINDS.keys())


def _record(row: dict[str, Any]) -> SlowRequest:
    known = {name: row[name] for name in row.keys() & _KINDS.keys()}
    phases = known.get("phases")
    if phases is not None:
        known["phases"] = {str(name): float(value) for name, value in phases.items()}
    return SlowRequest(**known)
