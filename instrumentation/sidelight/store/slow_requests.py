"""The last slow requests: a ring in each worker's file, and a list in the totals."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from json import dumps, loads
from typing import Any

from sidelight.store import json_records
from sidelight.store.layout import SLOW_RECORD_BYTES, SLOW_RECORDS, WORD

MAX_TEXT = 120
CALLER = ", called from "
"""What is between two lines of code, the innermost first."""


@dataclass(frozen=True, slots=True)
class SlowRequest:
    """One slow request. Times are in seconds, ``when`` since the epoch, at its end.

    ``status`` is 0 where none was sent. ``phases`` has the time in each phase, as it was measured
    where the request was sampled, and otherwise as far as looks at it have seen.
    ``loop_blocked`` is how long the event loop was blocked during the request, by any
    code, and ``blocked_by`` is the route and the lines of most of it. ``waited_at`` is the line of
    code at which it was seen to wait for longest, with what it awaited there, and ``waited`` for
    how long. ``threads_waiting`` is how
    many calls waited for a thread when it began. None means unknown. ``path`` is empty unless the
    settings ask for it. ``queued`` is how long the request waited for the event loop before the
    application was called, which is a part of ``seconds``.
    """

    when: float
    route: str
    method: str
    status: int
    seconds: float
    first_byte: float
    queued: float | None = None
    phases: dict[str, float] | None = None
    loop_blocked: float | None = None
    waited: float | None = None
    waited_at: str = ""
    threads_waiting: int | None = None
    trace_id: str = ""
    path: str = ""
    blocked_by: str = ""
    worker: int = -1

    def to_dict(self) -> dict[str, Any]:
        """The fields that are known, by name."""
        known = {name: value for name, value in asdict(self).items() if value not in (None, "")}
        return {name: _short(value) for name, value in known.items()}


def _short(value: Any) -> Any:
    """A time to the microsecond, since there is not much room in a record."""
    if isinstance(value, dict):
        return {name: _short(each) for name, each in value.items()}
    return round(value, 6) if isinstance(value, float) else value


_KINDS: dict[str, type | tuple[type, ...]] = {
    "when": (int, float),
    "route": str,
    "method": str,
    "status": int,
    "seconds": (int, float),
    "first_byte": (int, float),
    "queued": (int, float),
    "phases": dict,
    "loop_blocked": (int, float),
    "waited": (int, float),
    "waited_at": str,
    "threads_waiting": int,
    "trace_id": str,
    "path": str,
    "blocked_by": str,
    "worker": int,
}
_NEEDED = frozenset({"when", "route", "method", "status", "seconds", "first_byte"})


def pack_record(record: SlowRequest) -> bytes:
    """A record as it is stored in a ring.

    One that is too long loses its path, then the callers of the line that blocked the event loop,
    then its phases, that line, and the line at which it waited.
    """
    cut: dict[str, Any] = {}
    line = {"blocked_by": record.blocked_by.partition(CALLER)[0]}
    waits = {"waited_at": ""}
    for more in ({}, {"path": ""}, line, {"phases": None}, {"blocked_by": ""}, waits):
        cut |= more
        found = json_records.packed(replace(record, **cut).to_dict(), SLOW_RECORD_BYTES)
        if found is not None:
            return found
    shortest = replace(record, **cut, route=record.route[:MAX_TEXT])
    found = json_records.packed(shortest.to_dict(), SLOW_RECORD_BYTES)
    return found or json_records.packed({}, SLOW_RECORD_BYTES) or b""


def read_ring(data: bytes, at: int, words: int) -> list[SlowRequest]:
    """The complete records of a ring that starts at byte ``at``."""
    found = []
    end = min(at + words * WORD, len(data)) - SLOW_RECORD_BYTES + 1
    for start in range(at, end, SLOW_RECORD_BYTES):
        found += decode(b"[" + json_records.text_at(data, start) + b"]")
    return found


def encode(records: Iterable[SlowRequest]) -> bytes:
    """The newest of the records, as they are stored in the totals."""
    return dumps([record.to_dict() for record in kept(records)]).encode()


def decode(data: bytes) -> list[SlowRequest]:
    """The inverse of `encode`; invalid records are left out."""
    try:
        rows = loads(data) if data else []
        return [_record(row) for row in rows if _is_record(row)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return []


def newest(records: Iterable[SlowRequest]) -> list[SlowRequest]:
    """All of some records, the newest first."""
    return sorted(records, key=lambda record: record.when, reverse=True)


def kept(records: Iterable[SlowRequest]) -> list[SlowRequest]:
    """As many records as are kept, the newest first.

    A route with many gives up its oldest before another loses any, as in a worker's ring.
    """
    numbers: Counter[tuple[str, str]] = Counter()
    numbered: list[tuple[int, float, int, SlowRequest]] = []
    for record in newest(records):
        route = record.method, record.route
        numbered.append((numbers[route], -record.when, len(numbered), record))
        numbers[route] += 1
    return newest(record for *_, record in sorted(numbered, key=lambda one: one[:3])[:SLOW_RECORDS])


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
