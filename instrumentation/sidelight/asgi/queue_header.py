"""When a proxy received a request, as its header ``X-Request-Start`` or one like it says.

Heroku and nginx are the sources of its forms: an optional ``t=``, and the time since the epoch in
seconds (with a fraction), milliseconds or microseconds. The size of the number tells the unit.
"""

import re
from time import time_ns

from starlette.types import Scope

from sidelight.contract import METRICS, NANOSECONDS
from sidelight.runtime.faults import Faults, guarded
from sidelight.store.writer import WorkerFile

IGNORED = METRICS["sidelight_queue_headers_ignored_total"]
NUMBER = re.compile(rb"(?:t=)?(-?)(\d{1,20}(?:\.\d{1,9})?)")
UNITS = ((1e14, 1_000), (1e11, 1_000_000), (0, NANOSECONDS))
"""From which number on the unit is so many nanoseconds: right for times from 1973 to 5138."""
LONGEST = 60 * NANOSECONDS
"""Nanoseconds; a request that would have waited longer has a wrong header."""


class QueueHeader:
    """Reads one header of each request."""

    def __init__(self, name: str, file: WorkerFile, faults: Faults) -> None:
        self._name = name.encode()
        self._file = file
        self._faults = faults

    def queued(self, scope: Scope) -> int:
        """Nanoseconds since the proxy received a request; 0 where it doesn't say so. Never raises.

        A time that can't be right is counted, by what is wrong with it.
        """
        with guarded("queue_header", self._faults):
            values = [value for name, value in scope.get("headers", ()) if name == self._name]
            if not values:
                return 0
            ns, problem = since(values[0], time_ns()) if len(values) == 1 else (0, "repeated")
            if problem:
                self._file.count(IGNORED, (problem,))
            return ns
        return 0


def since(value: bytes, now: int) -> tuple[int, str]:
    """Nanoseconds from a header's time until now, and why it can't be right, if it can't."""
    found = NUMBER.fullmatch(value.strip())
    if found is None:
        return 0, "not_a_number"
    if found[1]:
        return 0, "negative"
    number = float(found[2])
    unit = next(ns for least, ns in UNITS if number >= least)
    ns = now - round(number * unit)
    if ns < 0:
        return 0, "future"
    return (0, "too_old") if ns > LONGEST else (ns, "")
