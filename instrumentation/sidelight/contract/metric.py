"""What is known of one metric."""

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram", "summary", "info"]
Scale = Literal["", "duration", "lag", "size", "session"]

NANOSECONDS: Final = 1_000_000_000
ABSENT: Final = (1 << 64) - 1
"""Stored for a gauge that no longer exists; a file keeps its series until it is removed."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family as it is exported.

    A summary is a sum and a count, without quantiles; it is stored as a histogram without
    boundaries. ``name`` is the Prometheus name (a counter's ends in ``_total``). Values are
    stored as integers: nanoseconds where ``unit`` is seconds, otherwise the unit itself.
    """

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    help: str
    scale: Scale = ""

    @property
    def divisor(self) -> int:
        """The number that a stored value is divided by when it is exported."""
        return NANOSECONDS if self.unit == "seconds" else 1
