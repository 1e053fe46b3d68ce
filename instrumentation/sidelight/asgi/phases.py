"""The phases of a request, measured for one request in ``phase_sample_interval``."""

from random import Random
from threading import get_ident
from time import monotonic_ns

from starlette.types import Message, Receive, Scope

from sidelight.asgi import builtin_telemetry
from sidelight.asgi.series import SeriesWriter
from sidelight.contract import METRICS, NANOSECONDS

PHASE = METRICS["fastapi_request_phase_duration_seconds"]
BODY = "body"
QUEUE = "queue"
"""The wait for the event loop before the application was called."""
DEPENDENCIES, ENDPOINT, SERIALIZATION = builtin_telemetry.OPERATIONS
THREAD_WAIT = "thread_wait"
LEAST_APART = 100_000_000
"""Nanoseconds between two requests whose phases are measured, unless all are."""
NEVER = 1 << 62
"""More requests than any process serves."""


class Phases:
    """The time one request has spent in each phase so far; none is counted in two."""

    def __init__(self, scope: Scope) -> None:
        """Listen to the operations of a request, until `stop` is called."""
        self._spent: dict[str, int] = {}
        self._open = ""
        self._since = 0
        self._ready = 0
        self._thread = 0
        self.stop = builtin_telemetry.listen(scope, self)

    def begin(self, operation: str) -> bool:
        """An operation begins.

        One within another is of an application that was called from this request.
        """
        if self._open:
            return False
        now = monotonic_ns()
        if operation == ENDPOINT and self._ready and get_ident() != self._thread:
            self.add(THREAD_WAIT, now - self._ready)
        self._open, self._since = operation, now
        return True

    def end(self) -> None:
        """The operation that was begun has ended."""
        now = monotonic_ns()
        operation, self._open = self._open, ""
        self.add(operation, now - self._since)
        if operation == DEPENDENCIES:
            self._ready, self._thread = now, get_ident()

    def listening(self, receive: Receive) -> Receive:
        """A `receive` whose waits for the body are a phase, and part of no other."""

        async def timed() -> Message:
            before = monotonic_ns()
            message = await receive()
            if message["type"] == "http.request":
                waited = monotonic_ns() - before
                self.add(BODY, waited)
                self._since += waited
            return message

        return timed

    def add(self, phase: str, ns: int) -> None:
        """Add to a phase; nothing is no phase."""
        if ns:
            self._spent[phase] = self._spent.get(phase, 0) + ns

    def seconds(self) -> dict[str, float]:
        """Seconds by phase, with the one that it is in until now."""
        spent = dict(self._spent)
        if self._open:
            spent[self._open] = spent.get(self._open, 0) + monotonic_ns() - self._since
        return {phase: ns / NANOSECONDS for phase, ns in spent.items()}

    def spent(self) -> dict[str, int]:
        """Nanoseconds by phase, of those that have ended."""
        return dict(self._spent)


class PhaseSampler:
    """Chooses one request in so many, at uneven distances, since traffic may have a rhythm."""

    _series: dict[tuple[str, str], int]

    def __init__(self, every: int) -> None:
        self._every = every if every and builtin_telemetry.reports_operations() else 0
        self._last = 0
        self._random = Random()  # noqa: S311 no secret, and not the application's own generator
        self._series = {}  # those that were used, by route and phase

    def gap(self) -> int:
        """How many requests from now the next one is measured."""
        return 1 + int(self._random.random() * (2 * self._every - 1)) if self._every else NEVER

    def takes(self, now: int) -> bool:
        """Whether a request that was chosen is measured: of many a second, few tell as much."""
        if self._every > 1 and now - self._last < LEAST_APART:
            return False
        self._last = now
        return True

    def record(self, phases: Phases, writer: SeriesWriter, route: str) -> None:
        """Add what a request has spent to the series of its route."""
        for phase, ns in phases.spent().items():
            series = self._series.get((route, phase))
            if series is None:
                series, exact = writer.series(PHASE, (route, phase))
                if exact:
                    self._series[route, phase] = series
            writer.add(series, 1, ns)
