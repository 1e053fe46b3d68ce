"""Durations as Prometheus reads and writes them: ``1h30m``, ``2w``, ``500ms``, ``0``."""

import re
from typing import Final

UNITS: Final = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
"""The milliseconds of each unit, the largest first."""
LONGEST: Final = 1 << 53
"""Milliseconds. Prometheus accepts no duration of this length or longer."""
MOST_DIGITS: Final = 17
"""Any number of so many digits is too long: the others need not be read."""

_WRITTEN: Final = ("d", "h", "m", "s", "ms")
_DURATION: Final = re.compile("".join(rf"(?:(\d+){unit})?" for unit in UNITS), re.ASCII)


def to_milliseconds(text: str) -> int:
    """The milliseconds of a duration such as ``1h30m``, or of ``0``. Raises `ValueError`."""
    if text == "0":
        return 0
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        raise ValueError(f"{text!r} is not a duration; for example 15s, 1h30m or 2w")
    numbers = zip(found.groups("0"), UNITS.values(), strict=True)
    total = sum(int(number.lstrip("0")[:MOST_DIGITS] or 0) * unit for number, unit in numbers)
    if total >= LONGEST:
        raise ValueError(f"{text!r} is too long for a duration")
    return total


def to_seconds(text: str) -> float:
    """The seconds of a duration such as ``1h30m``, or of ``0``. Raises `ValueError`."""
    return to_milliseconds(text) / 1000


def to_text(milliseconds: int) -> str:
    """A duration in days and shorter units: 4,320,000 is ``1h12m``, 0 is ``0s``."""
    parts = []
    for unit in _WRITTEN:
        number, milliseconds = divmod(milliseconds, UNITS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
