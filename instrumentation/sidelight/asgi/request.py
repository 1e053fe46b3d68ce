"""One HTTP request, and how what is not common about it is recorded.

The common request, whose response is one piece and quick, is recorded by `fast_path` alone.
"""

from contextlib import suppress
from time import monotonic_ns, time

from starlette.types import Message, Receive, Scope, Send

from sidelight.asgi import background_tasks, tracing
from sidelight.asgi.body_limit import CONTENT_TOO_LARGE, exceeds_limit
from sidelight.asgi.cancellation import is_cancellation
from sidelight.asgi.chosen_route import requested_path
from sidelight.asgi.client_connection import client_left, note_end
from sidelight.asgi.mark import MARK, Measurement
from sidelight.asgi.phases import QUEUE as QUEUE_PHASE
from sidelight.asgi.phases import Phases
from sidelight.asgi.request_keys import RequestKey
from sidelight.asgi.response_headers import content_length, is_event_stream, is_sent
from sidelight.asgi.series import SERVER_ERROR, RouteSeries, size_index
from sidelight.contract import (
    CLIENT_DISCONNECTED,
    INCOMPLETE_RESPONSE,
    METRICS,
    NANOSECONDS,
    SERVER_SHUTDOWN,
)
from sidelight.runtime.faults import guarded
from sidelight.store.inflight import UNTRACKED, RequestId
from sidelight.store.slow_requests import SlowRequest

BACKGROUND = METRICS["fastapi_background_task_duration_seconds"]
DISCONNECTS = METRICS["fastapi_client_disconnects_total"]
EVENT_STREAMS = METRICS["fastapi_event_streams_total"]
EXCEPTIONS = METRICS["fastapi_exceptions_total"]
QUEUE = METRICS["fastapi_request_queue_seconds"]
FIRST_BYTE = METRICS["fastapi_time_to_first_byte_seconds"]

INTERNAL_SERVER_ERROR = 500
MILLISECOND = 1_000_000
NOTICEABLE = 10 * MILLISECOND
"""Nanoseconds: less than this between two moments of a request is the event loop at its work."""


class Extra:
    """What only some requests have: bodies in pieces, request bodies, a client that left.

    ``file`` is whether the server sends a file, whose bytes are not seen. ``disconnected`` is
    whether the application learned that its client left, ``left`` whether its server knew.
    ``queued`` is how long the request waited for the event loop, in ns.
    """

    __slots__ = (
        "body",
        "chunks",
        "completed",
        "disconnected",
        "file",
        "first_byte",
        "left",
        "phases",
        "queued",
        "size",
        "trailers",
    )
    phases: Phases | None

    def __init__(self) -> None:
        self.body = self.chunks = self.completed = self.first_byte = self.queued = self.size = 0
        self.disconnected = self.file = self.left = self.trailers = False
        self.phases = None


class UncommonRequest(Measurement):
    """What is known of one request until its response is complete.

    Its creator sets the attributes, which costs less than a constructor. ``slot`` is None once
    the request is recorded; ``start_message`` is set with a ``status``.
    """

    __slots__ = (
        "extra",
        "key",
        "scope",
        "server_receive",
        "server_send",
        "since",
        "slot",
        "start_message",
        "status",
    )
    extra: Extra | None
    key: RequestKey
    scope: Scope
    server_receive: Receive
    server_send: Send
    since: int
    slot: int | None
    start_message: Message
    status: int

    def set_extra(self) -> Extra:
        """The extra of this request, made when it is first needed."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    def look_at(self, kind: str, message: Message) -> None:
        """A body in pieces, a response that ends with trailers, a file that the server sends."""
        if self.slot is None:
            return
        extra = self.set_extra()
        if kind == "http.response.body":
            size = len(message.get("body", b""))
            extra.chunks += 1 if size else 0
            if not (message.get("more_body") or extra.trailers):
                self.finish(size, monotonic_ns())
                return
            extra.left = self._client_left()
            extra.size += size
            if size and message.get("more_body") and not extra.first_byte:
                extra.first_byte = monotonic_ns() - self.since
        elif kind in {"http.response.pathsend", "http.response.zerocopysend"}:
            extra.file = True
            if not message.get("more_body"):
                self.finish(0, monotonic_ns())
        elif kind == "http.response.trailers" and not message.get("more_trailers"):
            self.finish(0, monotonic_ns())

    def finish(self, size: int, now: int) -> None:
        """Record a response whose last piece, of ``size`` bytes, is about to be sent."""
        if not self.status:  # a body that nothing began: the server will object
            return
        if self._client_left():
            self._record_incomplete(CLIENT_DISCONNECTED)
            self._set_complete(now)
            return
        extra = self.extra
        known: int | None = size
        if extra is not None:
            known = content_length(self.start_message) if extra.file else size + extra.size
        writer = self.key.recorder.writer
        series = self.key.find_status(self.scope, self.status)
        ns = now - self.since
        at_size = size_index(known or 0)
        writer.add(series.duration, writer.bucket_index(ns), ns)
        if known is not None:
            writer.add(series.size, at_size, known)
        self._set_complete(now)
        self._record_details(series.route_series, series.duration, now - ns, ns)

    def _set_complete(self, now: int) -> None:
        """Show the request no longer among those in flight; what follows is no part of it."""
        slot, self.slot, self.since = self.slot, None, now
        if self.extra is not None and self.extra.phases is not None:
            self.since, self.extra.completed = 0, now
        if slot is not None:
            self.key.recorder.file.release_slot(slot)
        note_end(self.server_receive, now)

    def _client_left(self) -> bool:
        """Whether no client receives the rest of this response.

        A failure of the service stays one, also where its client did not wait for it.
        """
        extra = self.extra
        if extra is not None and (extra.disconnected or extra.left):
            return True
        return (
            self.status < SERVER_ERROR and client_left(self.server_receive) and not self._is_sent()
        )

    def _is_sent(self) -> bool:
        """Whether the client has the whole response, though its last message is not yet sent."""
        sent = 0 if self.extra is None else self.extra.size
        return self.status > 0 and is_sent(self.start_message, self.scope["method"], sent)

    def disconnect(self) -> None:
        """The application learns that its client left: before it had the response, or with it."""
        if self._is_sent():
            self.finish(0, monotonic_ns())
        else:
            self.set_extra().disconnected = True

    def _record_details(self, series: RouteSeries, duration: int, start: int, ns: int) -> None:
        """What only some responses have: a stream, a request body, slowness, a trace."""
        recorder, extra = self.key.recorder, self.extra
        if extra is not None:
            if extra.phases is not None:
                extra.phases.add(QUEUE_PHASE, extra.queued)
                recorder.sampler.record(extra.phases, recorder.writer, series.route)
            if extra.queued:
                recorder.writer.observe(QUEUE, (series.method, series.route), extra.queued)
            if extra.body:
                recorder.writer.add(series.request_size(), size_index(extra.body), extra.body)
            first = extra.first_byte
            if first and (extra.chunks > 1 or ns - first > NOTICEABLE):
                recorder.writer.observe(FIRST_BYTE, (series.method, series.route), first)
        events = self._is_event_stream()
        if events:
            recorder.writer.increment(EVENT_STREAMS, (series.method, series.route))
        judged = self._time_to_first_byte(ns) if events or series.first_byte else ns
        if judged >= series.slow_ns:
            recorder.slow(series, self._slow_request(series, start, ns, judged))
        if recorder.tracing:
            span = tracing.current()
            if span is not None:
                recorder.writer.set_exemplar(duration, span, ns)

    def _is_event_stream(self) -> bool:
        """Whether this response is one that lasts as long as its client listens."""
        if not self.status or (self.extra is None and self.slot is None):
            return False
        start: Message | None = getattr(self, "start_message", None)
        return start is not None and is_event_stream(start)

    def _time_to_first_byte(self, ns: int) -> int:
        """Nanoseconds; 0 of an incomplete stream without one, which may have nothing to tell."""
        first = self.extra.first_byte if self.extra is not None else 0
        return first or (ns if self.slot is None else 0)

    def _slow_request(self, series: RouteSeries, start: int, ns: int, judged: int) -> SlowRequest:
        """All that is known of a slow request, which has just ended."""
        recorder, extra = self.key.recorder, self.extra
        span = tracing.current()
        met = recorder.heartbeat.conditions(start, start + judged)
        this = start, self._slot()
        wait = recorder.heartbeat.waits and recorder.heartbeat.waits.longest(this)
        return SlowRequest(
            when=time(),
            route=series.route,
            method=series.method,
            status=self.status,
            seconds=judged / NANOSECONDS,
            first_byte=((extra and extra.first_byte) or ns) / NANOSECONDS,
            queued=extra.queued / NANOSECONDS if extra and extra.queued else None,
            phases=self._phases(this),
            loop_blocked=met.loop_blocked,
            blocked_by=met.blocked_by,
            waited=wait.ns / NANOSECONDS if wait else None,
            waited_at=wait.at if wait else "",
            threads_waiting=met.threads_waiting,
            trace_id=span[0].hex() if span else "",
            path=requested_path(self.scope) if recorder.settings.log_request_path else "",
        )

    def _slot(self) -> int:
        """The slot that this request has, or had: its mark still says so."""
        if self.slot is not None:
            return self.slot
        with suppress(LookupError, TypeError):  # other code has taken the mark away
            return int(self.scope[MARK][1])
        return UNTRACKED

    def _phases(self, this: RequestId) -> dict[str, float] | None:
        """Seconds by phase: of a sampled request as measured, of another as looks have seen it."""
        extra = self.extra
        if extra is not None and extra.phases is not None:
            return extra.phases.seconds()
        queued = extra.queued if extra is not None else 0
        seen = self.key.recorder.heartbeat.phases.spent(this, this[0] + queued)
        spent = {QUEUE_PHASE: queued, **seen}
        return {each: ms / 1000 for each, ns in spent.items() if (ms := ns // MILLISECOND)} or None

    def end(self, error: BaseException | None) -> None:
        """The application returned late, or raised, or left its response unfinished."""
        recorder, extra = self.key.recorder, self.extra
        if extra is not None and extra.phases is not None:
            self.since = self.since or extra.completed
            with guarded("phases", recorder.faults):
                extra.phases.stop()
        try:
            with guarded("end", recorder.faults):
                self._record_end(error)
        finally:
            slot, self.slot = self.slot, None
            if slot is not None:
                recorder.file.release_slot(slot)

    def _record_end(self, error: BaseException | None) -> None:
        recorder = self.key.recorder
        cancelled = is_cancellation(error)
        disconnected = self.extra is not None and self.extra.disconnected
        if self.slot is not None and exceeds_limit(error):
            self._record_incomplete("", CONTENT_TOO_LARGE)
        elif self.slot is not None:
            self._record_incomplete(self._kind(error, disconnected=disconnected))
        elif (spent := background_tasks.spent()) >= NOTICEABLE:
            route = self.key.find_route(self.scope, self.status).route
            recorder.writer.observe(BACKGROUND, (route,), spent)
        if error is not None and not (disconnected or cancelled or exceeds_limit(error)):
            route = self.key.find_route(self.scope, self.status).route
            name = recorder.class_names(type(error).__name__)
            recorder.writer.increment(EXCEPTIONS, (route, name))
            recorder.validation.escaped(self.scope, error)

    def _kind(self, error: BaseException | None, *, disconnected: bool) -> str:
        """The label ``error_type`` of a response that never became complete; empty with a 500."""
        cancelled = is_cancellation(error)
        if disconnected:
            return CLIENT_DISCONNECTED
        if (cancelled or (error is None and self.status)) and self.key.recorder.stops():
            return SERVER_SHUTDOWN
        if cancelled:
            return CLIENT_DISCONNECTED
        return INCOMPLETE_RESPONSE if self.status else ""

    def _record_incomplete(self, kind: str, answer: int = INTERNAL_SERVER_ERROR) -> None:
        """Record a request whose response never became complete.

        Without a ``kind``, the server or what is around answers it with the status ``answer``.
        """
        start = self.since
        ns = monotonic_ns() - start
        writer = self.key.recorder.writer
        if not kind:
            self.status = answer
        series = self.key.find_route(self.scope, self.status)
        duration = series.duration(self.status, kind)
        writer.add(duration, writer.bucket_index(ns), ns)
        if kind == CLIENT_DISCONNECTED:
            writer.increment(DISCONNECTS, (series.method, series.route))
        self._record_details(series, duration, start, ns)
