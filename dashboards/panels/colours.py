"""Colours, by what they mean."""

from typing import Final

BAD: Final = "#d1413a"
WARN: Final = "#e5a72e"
GOOD: Final = "#4a9d5b"
REFUSED: Final = "#8a7fc4"
MOVED: Final = "#5b8dc9"
PLAIN: Final = "#7d8794"
CLASSES: Final = {"1xx": PLAIN, "2xx": GOOD, "3xx": MOVED, "4xx": REFUSED, "5xx": BAD}
"""By meaning: what a client did wrong is no error of the service, so 4xx is neither red nor
yellow."""
QUANTILES: Final = {"p50": "#9cc3e8", "p95": "#4f8ac9", "p99": "#264f86"}

Steps = tuple[tuple[float | None, str], ...]
"""From which value on which colour; the first is from nothing on."""


def steps(*pairs: tuple[float, str], base: str = GOOD) -> Steps:
    """From which value on which colour."""
    return (None, base), *pairs
