"""Windows, factors and severities, as data; and how a drill shortens them.

Factors are those of the multi-window, multi-burn-rate alerts in Google's "The Site Reliability
Workbook", chapter 5 (https://sre.google/workbook/alerting-on-slos/).
"""

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from sidelight.slo.alert import Severity

UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
"""Milliseconds of each of Prometheus's units."""
LARGEST_FIRST: Final = ("d", "h", "m", "s", "ms")

INTERVAL: Final = "1m"
"""How often rules are evaluated; long windows are sums of what was recorded that often."""
SLOW_INTERVAL: Final = "4m"
"""How often windows of a day and longer are summed. Prometheus looks back for 5 minutes: one that
is late or missing may not end an alert that is read from them."""
BASE: Final = "5m"
"""The one window that is read from raw series."""
SHORT: Final = ("30m", "1h", "2h", "6h")
LONG: Final = ("1d", "3d")


@dataclass(frozen=True, slots=True)
class Burn:
    """Fires while the budget burns ``factor`` times as fast as it lasts, in both windows."""

    speed: str
    factor: Decimal
    long: str
    short: str
    severity: Severity
    hold: str


BURNS: Final = (
    Burn("Fast", Decimal("14.4"), "1h", "5m", "critical", "2m"),
    Burn("Fast", Decimal(6), "6h", "30m", "critical", "5m"),
    Burn("Slowly", Decimal(3), "1d", "2h", "warning", "15m"),
    Burn("Slowly", Decimal(1), "3d", "6h", "warning", "30m"),
)


def milliseconds(duration: str) -> int:
    """What a duration such as ``90m`` or ``1h30m`` is in milliseconds."""
    return sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)(ms|[smhdw])", duration))


def shortened(duration: str, scale: Fraction) -> str:
    """A duration times ``scale``, as Prometheus writes it: ``5m`` at 1/60 is ``5s``."""
    left = max(1, round(milliseconds(duration) * scale)) if milliseconds(duration) else 0
    parts = []
    for unit in LARGEST_FIRST:
        number, left = divmod(left, UNITS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def seconds(duration: str, scale: Fraction) -> str:
    """A duration times ``scale`` in seconds, without exponent: ``1m`` at 1/60 is ``1``."""
    return plain(Decimal(max(1, round(milliseconds(duration) * scale))) / 1000)


def plain(number: Decimal) -> str:
    """A number as people write it: no exponent, no zeros at the end, every digit exact."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: Decimal) -> str:
    """0.999 is ``99.9%``."""
    return f"{plain(share * 100)}%"
