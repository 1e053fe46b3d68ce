"""The last slow requests as a table for a terminal."""

import time
from collections.abc import Iterable

from sidelight.store.slow_requests import SlowRequest

HEAD = (
    "when",
    "seconds",
    "request",
    "status",
    "first byte",
    "loop blocked",
    "waiting",
    "time by phase",
)


def slow_request_table(records: Iterable[SlowRequest]) -> str:
    """One line a request; a dash for what is not known."""
    rows = [HEAD, *(_row(record) for record in records)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEAD))]
    lines = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "".join(f"{line}\n" for line in lines)


def _row(record: SlowRequest) -> tuple[str, ...]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.when))
    phases = sorted((record.phases or {}).items(), key=lambda phase: -phase[1])
    spent = ", ".join(f"{name} {_seconds(value)}" for name, value in phases)
    trace = f"trace {record.trace_id}" if record.trace_id else ""
    return (
        when,
        _seconds(record.seconds),
        _safe(f"{record.method} {record.path or record.route or '(no route)'}"),
        str(record.status or "-"),
        _seconds(record.first_byte),
        _seconds(record.loop_blocked),
        "-" if record.threads_waiting is None else str(record.threads_waiting),
        _safe("; ".join(filter(None, (spent, trace))) or "-"),
    )


def _safe(text: str) -> str:
    """Text without control characters, which a client or a file may contain."""
    return text if text.isprintable() else ascii(text)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
