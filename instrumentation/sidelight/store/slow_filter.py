"""Which slow requests are wanted, of those that are kept."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sidelight.durations import to_seconds
from sidelight.errors import SettingsError
from sidelight.nearest import unknown
from sidelight.store.layout import SLOW_RECORDS
from sidelight.store.slow_requests import SlowRequest, newest

NAMES: Final = ("route", "since", "limit")
MAX_DIGITS: Final = 9


@dataclass(frozen=True, slots=True)
class SlowRequestFilter:
    """The newest ``limit`` slow requests of a route since a time, in seconds since the epoch.

    ``route`` is ``/template`` or ``METHOD /template``; all routes if it is empty.
    """

    route: str = ""
    since: float = 0.0
    limit: int = SLOW_RECORDS

    def select(self, records: Iterable[SlowRequest]) -> list[SlowRequest]:
        """The records that are wanted, the newest first."""
        return [record for record in newest(records) if self._has(record)][: self.limit]

    def _has(self, record: SlowRequest) -> bool:
        names = {"", record.route, f"{record.method} {record.route}"}
        return self.route in names and record.when >= self.since


def parsed(given: Mapping[str, str]) -> SlowRequestFilter:
    """The filter of some texts by name, such as ``since=15m``. Raises `SettingsError`."""
    for name, text in given.items():
        if name not in NAMES:
            raise SettingsError(name, text, unknown("parameter", name, NAMES), "since=15m")
    return SlowRequestFilter(
        given.get("route", ""), _since(given.get("since", "")), _limit(given.get("limit", ""))
    )


def _since(text: str) -> float:
    try:
        return time.time() - to_seconds(text) if text else 0.0
    except ValueError as error:
        raise SettingsError("since", text, str(error), "since=15m") from error


def _limit(text: str) -> int:
    if not text:
        return SLOW_RECORDS
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS else 0
    if not number:
        raise SettingsError("limit", text, "must be a whole number above 0", "limit=20")
    return number
