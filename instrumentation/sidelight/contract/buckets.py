"""The boundaries of histograms."""

from typing import Final

from sidelight.contract.metric import Scale

DURATION_BUCKETS: Final = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.075,
    0.1,
    0.25,
    0.5,
    0.75,
    1.0,
    2.5,
    5.0,
    7.5,
    10.0,
)
"""Seconds; the boundaries the semantic conventions advise for HTTP durations."""
SIZE_BUCKETS: Final = (1_000.0, 10_000.0, 100_000.0, 1_000_000.0)
"""Bytes."""
SESSION_BUCKETS: Final = (1.0, 10.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 43_200.0)
"""Seconds; WebSocket connections last from a moment to half a day."""

LAG_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; how late a timer of an event loop runs."""


def boundaries(scale: Scale, duration: tuple[float, ...]) -> tuple[float, ...]:
    """The upper bounds of a scale, without infinity; ``duration`` is the configured one."""
    if scale == "size":
        return SIZE_BUCKETS
    if scale == "session":
        return SESSION_BUCKETS
    if scale == "lag":
        return LAG_BUCKETS
    return duration if scale == "duration" else ()
