"""Colours by meaning, and the thresholds from which panels use them."""

from typing import Final

BAD: Final = "#d1413a"
WARN: Final = "#e5a72e"
GOOD: Final = "#4a9d5b"
CLIENT_ERROR: Final = "#8a7fc4"
DEPLOY: Final = "#5b8dc9"
PLAIN: Final = "#7d8794"
STATUS_CLASSES: Final = {
    "1xx": PLAIN,
    "2xx": GOOD,
    "3xx": DEPLOY,
    "4xx": CLIENT_ERROR,
    "5xx": BAD,
}
"""A 4xx response is not an error of the service, so it is neither red nor yellow."""
QUANTILES: Final = {"p50": "#9cc3e8", "p95": "#4f8ac9", "p99": "#264f86"}

Levels = tuple[tuple[float | None, str], ...]
"""Each value from which a colour applies; the first has no value."""
LOWEST: Final = -1e9
"""A number below every value."""


def levels(*pairs: tuple[float, str], base: str = GOOD) -> Levels:
    """The ``base`` colour, and the colour from each value on.

    The first colour is grey: Grafana uses it where there is no value.
    """
    return (None, PLAIN), (LOWEST, base), *pairs


NEUTRAL: Final[Levels] = ((None, PLAIN),)
ERROR_RATIO: Final = ((0.001, WARN), (0.01, BAD))
BUDGET_LEFT: Final = levels((0, WARN), (0.25, GOOD), base=BAD)
