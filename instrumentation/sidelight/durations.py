"""Durations as Prometheus writes them."""

import re
from typing import Final

LONGEST: Final = 1 << 53
"""Milliseconds; numbers beyond are no times."""
_DURATION: Final = re.compile(
    r"(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?"
)
_UNITS: Final = (31_536_000_000, 604_800_000, 86_400_000, 3_600_000, 60_000, 1000, 1)


def lasting(text: str) -> int | None:
    """A duration such as 1h30m, or 0, in milliseconds; None where it is none."""
    if text == "0":
        return 0
    found = _DURATION.fullmatch(text) if text else None
    if found is None:
        return None
    total = sum(int(n[:15]) * unit for n, unit in zip(found.groups("0"), _UNITS, strict=True))
    return total if total < LONGEST else None
