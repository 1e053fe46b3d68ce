"""Windows, burn rates and severities, as data; and the arithmetic of a drill's shorter windows.

The factors are those of the multi-window, multi-burn-rate alerts in Google's "The Site Reliability
Workbook", chapter 5 (https://sre.google/workbook/alerting-on-slos/).
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final, Literal

from sidelight.durations import to_milliseconds, to_text

Severity = Literal["critical", "warning"]

INTERVAL: Final = "1m"
"""How often rules are evaluated. Long windows are sums of what was recorded at this interval."""
SLOW_INTERVAL: Final = "4m"
"""How often windows of a day or longer are summed. Prometheus looks back for 5 minutes, so one
late or missing evaluation does not resolve an alert that reads these sums."""
BASE: Final = "5m"
"""The only window that is read from raw series."""
SHORT: Final = ("30m", "1h", "2h", "6h")
LONG: Final = ("1d", "3d")


@dataclass(frozen=True, slots=True)
class BurnRate:
    """An alert fires while the burn rate is above ``factor`` in both windows, for ``hold``.

    The burn rate is how fast the error budget is spent, relative to the objective: at 1 the budget
    lasts exactly its window.
    """

    factor: Decimal
    long: str
    short: str
    severity: Severity
    hold: str


BURN_RATES: Final = (
    BurnRate(Decimal("14.4"), "1h", "5m", "critical", "2m"),
    BurnRate(Decimal(6), "6h", "30m", "critical", "5m"),
    BurnRate(Decimal(3), "1d", "2h", "warning", "15m"),
    BurnRate(Decimal(1), "3d", "6h", "warning", "30m"),
)


def shortened(duration: str, scale: Fraction) -> str:
    """A duration times ``scale``, as Prometheus writes it: ``5m`` at 1/60 is ``5s``."""
    return to_text(_scaled(duration, scale))


def seconds(duration: str, scale: Fraction) -> str:
    """A duration times ``scale`` in seconds, without an exponent: ``1m`` at 1/60 is ``1``."""
    return plain(Decimal(_scaled(duration, scale)) / 1000)


def _scaled(duration: str, scale: Fraction) -> int:
    """Milliseconds: at least 1, except where the duration is 0."""
    length = to_milliseconds(duration)
    return max(1, round(length * scale)) if length else 0


def plain(number: Decimal) -> str:
    """A number without an exponent and without trailing zeros, with every digit exact."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: Decimal) -> str:
    """0.999 is ``99.9%``."""
    return f"{plain(share * 100)}%"
