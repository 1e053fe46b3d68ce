"""Windows, factors and severities, as data; and how a drill shortens them.

Factors are those of the multi-window, multi-burn-rate alerts in Google's "The Site Reliability
Workbook", chapter 5 (https://sre.google/workbook/alerting-on-slos/).
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from sidelight.durations import to_milliseconds, to_text
from sidelight.slo.alert import Severity

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


def shortened(duration: str, scale: Fraction) -> str:
    """A duration times ``scale``, as Prometheus writes it: ``5m`` at 1/60 is ``5s``."""
    return to_text(_scaled(duration, scale))


def seconds(duration: str, scale: Fraction) -> str:
    """A duration times ``scale`` in seconds, without exponent: ``1m`` at 1/60 is ``1``."""
    return plain(Decimal(_scaled(duration, scale)) / 1000)


def _scaled(duration: str, scale: Fraction) -> int:
    """Milliseconds: at least 1, except where the duration is 0."""
    length = to_milliseconds(duration)
    return max(1, round(length * scale)) if length else 0


def plain(number: Decimal) -> str:
    """A number as people write it: no exponent, no zeros at the end, every digit exact."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: Decimal) -> str:
    """0.999 is ``99.9%``."""
    return f"{plain(share * 100)}%"
