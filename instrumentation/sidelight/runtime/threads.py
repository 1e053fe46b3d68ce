"""AnyIO's worker threads: those that run synchronous endpoints and dependencies."""

from collections.abc import Iterator

from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter

from sidelight.contract import METRICS
from sidelight.runtime.instruments import GaugeReading

CAPACITY = METRICS["anyio_threadpool_capacity"]
IN_USE = METRICS["anyio_threadpool_in_use"]
WAITING = METRICS["anyio_threadpool_waiting"]


def limiter() -> CapacityLimiter | None:
    """The running event loop's limiter; None where none is running."""
    try:
        return current_default_thread_limiter()
    except Exception:  # noqa: BLE001 AnyIO's error for it has changed its class
        return None


def readings(found: CapacityLimiter) -> Iterator[GaugeReading]:
    """The number of threads allowed, of those in use, and of calls that wait for one."""
    state = found.statistics()
    yield GaugeReading(CAPACITY, (), int(min(state.total_tokens, 1 << 32)))
    yield GaugeReading(IN_USE, (), state.borrowed_tokens)
    yield GaugeReading(WAITING, (), state.tasks_waiting)
