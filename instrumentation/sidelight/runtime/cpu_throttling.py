"""How often, and for how long, a CPU quota has stopped this process's control group.

A group of version 1 has this in nanoseconds, one of version 2 in microseconds, and one without
the controller not at all. The time is a sum over processors, as the kernel counts it.
"""

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from sidelight.contract import NANOSECONDS
from sidelight.runtime import control_groups

UNITS = {"throttled_time": 1, "throttled_usec": 1000}
"""Nanoseconds in one of the unit of a field."""


class Throttling(NamedTuple):
    """Periods in which a group was throttled, and for how many ns, since ``group`` exists.

    ``group`` is an id which no other group of this machine has.
    """

    group: str
    periods: int
    ns: int


def throttling() -> Throttling | None:
    """That of this process's group and of its parents together; None where it is unknown.

    Reads files, so it is not called on an event loop. Never raises.
    """
    found = [each for each in map(_of_group, control_groups.folders("cpu")) if each]
    if not found:
        return None
    periods, ns = sum(each.periods for each in found), sum(each.ns for each in found)
    return Throttling(found[0].group, periods, ns)


def _of_group(folder: Path) -> Throttling | None:
    with suppress(OSError, ValueError):
        lines = (folder / "cpu.stat").read_text().splitlines()
        fields = {name: int(value) for name, _, value in (line.partition(" ") for line in lines)}
        times = [fields[name] * unit for name, unit in UNITS.items() if name in fields]
        if times and "nr_throttled" in fields:
            at = folder.stat()
            return Throttling(f"{at.st_dev}:{at.st_ino}", fields["nr_throttled"], times[0])
    return None


class RecentThrottling:
    """How long a quota has stopped this process lately, as one thread reads it.

    ``seen`` is the time, in ns, from about a second before the loop was late until the last look.
    """

    def __init__(self) -> None:
        self.seen = 0
        self._before = self._noted = 0

    def note(self, now: int) -> None:
        """Once a second: what was before does not count any more. Reads files."""
        if now - self._noted >= NANOSECONDS:
            self._noted, self._before, self.seen = now, self._ns(), 0

    def look(self) -> None:
        """Find what has been added. Reads files."""
        self.seen = max(0, self._ns() - self._before)

    def _ns(self) -> int:
        found = throttling()
        return found.ns if found is not None else 0
