"""Where the time of a request goes, for one request in so many."""

from contextlib import suppress
from random import Random
from threading import get_ident
from time import monotonic_ns
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope

from sidelight.asgi import native
from sidelight.asgi.handlers import MARK
from sidelight.contract import METRICS, NANOSECONDS

if TYPE_CHECKING:
    from sidelight.asgi.exchange import Exchange
    from sidelight.asgi.recorder import Recorder
    from sidelight.store.writer import SeriesCounter

PHASE = METRICS["fastapi_request_phase_duration_seconds"]
BODY = "body"
DEPENDENCIES, ENDPOINT, _ = native.OPERATIONS
THREAD_WAIT = "thread_wait"


class Phases:
    """The time one request has spent in each phase so far; none is counted in two."""

    def __init__(self) -> None:
        self._spent: dict[str, int] = {}
        self._open = ""
        self._since = 0
        self._ready = 0
        self._thread = 0

    def begin(self, operation: str) -> bool:
        """An operation begins.

        One within another is of an application that was called from this request.
        """
        if self._open:
            return False
        now = monotonic_ns()
        if operation == ENDPOINT and self._ready and get_ident() != self._thread:
            self._add(THREAD_WAIT, now - self._ready)
        self._open, self._since = operation, now
        return True

    def end(self) -> None:
        """The operation that was begun has ended."""
        now = monotonic_ns()
        operation, self._open = self._open, ""
        self._add(operation, now - self._since)
        if operation == DEPENDENCIES:
            self._ready, self._thread = now, get_ident()

    def listening(self, receive: Receive) -> Receive:
        """A `receive` whose waits for the body are a phase, and part of no other."""

        async def timed() -> Message:
            before = monotonic_ns()
            message = await receive()
            if message["type"] == "http.request":
                waited = monotonic_ns() - before
                self._add(BODY, waited)
                self._since += waited
            return message

        return timed

    def _add(self, phase: str, ns: int) -> None:
        self._spent[phase] = self._spent.get(phase, 0) + ns

    def seconds(self) -> dict[str, float]:
        """Seconds by phase, with the one that it is in until now."""
        spent = dict(self._spent)
        if self._open:
            spent[self._open] = spent.get(self._open, 0) + monotonic_ns() - self._since
        return {phase: ns / NANOSECONDS for phase, ns in spent.items()}

    def record(self, recorder: "Recorder", route: str) -> None:
        """Hand over what the request has spent."""
        tallies = recorder.sampler.tallies
        for phase, ns in dict(self._spent).items():
            tally = tallies.get((route, phase))
            if tally is None:
                tally, exact = recorder.tally(PHASE, (route, phase))
                if exact:
                    tallies[route, phase] = tally
            recorder.add(tally, 1, ns)


class Sampler:
    """Looks at one request in so many, at uneven distances: traffic may have a rhythm."""

    def __init__(self, every: int) -> None:
        self._every = every if every and native.tells() else 0
        self._random = Random()  # noqa: S311 no secret, and not the application's own generator
        self.tallies: dict[tuple[str, str], SeriesCounter] = {}
        """The series that were used, by route and phase."""

    def gap(self) -> int:
        """How many requests from now the next one is looked at; -1 is never."""
        return 1 + int(self._random.random() * (2 * self._every - 1)) if self._every else -1

    async def run(self, app: ASGIApp, exchange: "Exchange") -> None:
        """Serve one request, and listen."""
        page, scope = exchange.page, exchange.scope
        receive: Receive = exchange.receive
        page.unsampled = self.gap()
        stop: native.Stop | None = None
        try:
            phases = Phases()
            stop = native.listen(scope, phases)
            exchange.listened(phases)
            receive = phases.listening(receive)
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            page.recorder.fault("phases")
        try:
            await app(scope, receive, exchange.send)
        finally:
            if stop is not None:
                with suppress(Exception):
                    stop()


def phases_of(scope: Scope) -> dict[str, float] | None:
    """Seconds by phase of a request, if it is one that is looked at."""
    extra = getattr(scope.get(MARK), "extra", None)
    return extra.phases.seconds() if extra is not None and extra.phases is not None else None
