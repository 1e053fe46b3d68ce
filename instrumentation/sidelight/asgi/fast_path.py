"""The common request's way: from its scope to its counted response, with nothing unusual.

Each line here is paid for by every request (benchmarks/RESULTS.md), which is why there are so
few calls, and why so much is looked up in one place. A request is common if its key is known and
neither its path nor its turn in the sampling is special; all others begin in `dispatch`.
"""

from bisect import bisect_left
from collections.abc import Callable
from time import monotonic_ns
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidelight.asgi.chosen_route import CONTEXT
from sidelight.asgi.client_connection import arrival, note_end
from sidelight.asgi.mark import MARK
from sidelight.asgi.request import NOTICEABLE, UncommonRequest
from sidelight.asgi.request_keys import RequestKey
from sidelight.asgi.series import SIZES, size_index
from sidelight.runtime.loop_clock import NOTICEABLE as NOTICEABLE_WAIT
from sidelight.runtime.origin import ORIGIN
from sidelight.store.inflight import UNTRACKED
from sidelight.store.layout import PATH_BYTES

SMALL = SIZES[0]


class RequestState(UncommonRequest):
    """A request, as the application's ``receive`` and ``send`` see it."""

    __slots__ = ()

    def send(self, message: Message) -> Any:
        """Look at a message on its way to the server; what it returns is the server's own."""
        try:
            kind = message["type"]
            if kind == "http.response.start":
                self.status = message["status"]
                self.start_message = message
                if "trailers" in message and message["trailers"]:  # noqa: RUF019 less than get()
                    self.set_extra().trailers = True
            elif (
                kind != "http.response.body"
                or "more_body" in message
                or self.extra is not None
                or (slot := self.slot) is None
            ):
                self.look_at(kind, message)
            else:  # a response whose body is one piece
                now = monotonic_ns()
                size = len(message["body"]) if "body" in message else 0
                key, scope, ns = self.key, self.scope, now - self.since
                try:
                    if "fastapi" in scope and CONTEXT in scope["fastapi"]:
                        route = scope["fastapi"][CONTEXT]
                    else:
                        route = scope["route"]
                    series = key.last_series[scope["root_path"]][id(route)]
                except Exception:  # noqa: BLE001 not seen yet, or the scope tells no route
                    series = None
                if series is None or series.status != self.status or ns > series.fast_path_limit:
                    self.finish(size, now)
                else:
                    bucket = bisect_left(key.bounds, ns) + 1
                    index = 1 if size <= SMALL else size_index(size)
                    words = key.words
                    # No call until the slot is free: so these sums are exact without a lock.
                    at = series.duration
                    words[at] += ns
                    words[at + bucket] += 1
                    at = series.size
                    words[at] += size
                    words[at + index] += 1
                    words[slot] = 0
                    self.slot = None
                    self.since = now
                    key.slots.append(slot)
                    try:  # as `note_end`, for uvicorn
                        self.server_receive.__self__.flow.sidelight_ended = now  # type: ignore[attr-defined] # of uvicorn only
                    except Exception:  # noqa: BLE001 the server is another
                        note_end(self.server_receive, now)
        except Exception:  # noqa: BLE001 as `guarded`, which would cost every message more
            self.key.recorder.faults.note("send")
        return self.server_send(message)

    async def receive(self) -> Message:
        """Look at a message on its way to the application."""
        message = await self.server_receive()
        self.received(message)
        return message

    def received(self, message: Message) -> None:
        """The server gave a message. Never raises."""
        try:
            if message["type"] == "http.disconnect":
                if self.slot is not None:
                    self.disconnect()
            elif message.get("body"):
                self.set_extra().body += len(message["body"])
        except Exception:  # noqa: BLE001 as above
            self.key.recorder.faults.note("receive")


class PythonCalls:
    """Calls of an application, each of which is measured if `begin` or a dispatch says so."""

    def prepare(
        self, app: ASGIApp, keys: dict[str, RequestKey], dispatch: Callable[..., Any]
    ) -> None:
        """Set what a call needs. ``keys`` are those of common requests, by method."""
        self._app = app
        self._keys = keys
        self._begin_uncommon = dispatch

    async def __call__(self, scope: Scope, receive: Receive, send: Send, arrived: int = 0) -> None:
        """Serve one request, connection or lifespan. The extension gives when it ``arrived``."""
        common = begin(self._keys, scope, receive, send, arrived)
        state = common or await self._begin_uncommon(scope, receive, send)
        if state is None:
            return
        try:
            await self._app(scope, state.receive, state.send)
        except BaseException as error:
            scope.pop(MARK, None)
            state.end(error)
            raise
        if common is None:
            scope.pop(MARK, None)
        if state.slot is not None or monotonic_ns() - state.since >= NOTICEABLE:
            state.end(None)


def begin(  # noqa: C901, PLR0912, PLR0913, PLR0917 one function, since each call costs every request 50 ns
    keys: dict[str, RequestKey],
    scope: Scope,
    receive: Receive,
    send: Send,
    arrived: int = 0,
    key: RequestKey | None = None,
    queued: int = 0,
) -> RequestState | None:
    """Start the clock of a request, and show it among those in flight. Never raises.

    Without a ``key``, which `dispatch` gives, this is None unless the request is common; ``keys``
    are those of common requests, by method. It is also None if something fails. ``arrived`` is as
    `arrival` says, where the extension has asked already; ``queued`` is how long the request has
    waited, in ns, where a proxy says so.
    """
    slot = None
    try:
        if key is None:
            try:
                key = keys[scope["method"]]
                path = scope["path"]
                if scope["root_path"] != key.root_path or scope["scheme"] != key.scheme:
                    return None
            except KeyError:  # no key yet, no request, or what ASGI allows a server to omit
                return None
            if (
                path == key.metrics_path
                or MARK in scope
                or key.unsampled <= 1
                or (key.exclusions is not None and key.exclusions.cover(path))
            ):
                return None
        else:
            path = scope["path"]
        state = RequestState()
        state.key = key
        state.scope = scope
        state.server_receive = receive
        state.server_send = send
        state.status = 0
        state.extra = None
        key.unsampled -= 1
        start = monotonic_ns()
        if queued:
            note_wait(state, start, queued)
            start -= queued
        elif arrived or key.clock.is_late(start):
            start -= waited(state, start, arrived)
        state.since = start
        try:
            state.slot = slot = key.slots.pop()
        except IndexError:  # none is free
            state.slot = slot = key.recorder.file.acquire_slot(key.packed, _path(scope), start)
            if slot == UNTRACKED:
                state.set_extra()
        else:
            try:
                key.paths[slot].value = scope["raw_path"]
            except (KeyError, TypeError, ValueError):  # none, of another type, or too long
                key.paths[slot].value = _path(scope)
            words = key.words
            words[slot + 1] = key.packed
            words[slot] = start
        scope[MARK] = key, slot, start
        ORIGIN.set((key, path))
        if start > key.due:
            key.recorder.wake()
    except Exception:  # noqa: BLE001 as above
        if key is not None:
            give_up(key, scope, slot)
        return None
    return state


def waited(state: RequestState, now: int, arrived: int) -> int:
    """How long a request that begins now has waited for its event loop, in ns. Never raises."""
    try:
        since = arrived or arrival(state.server_receive, now)
        ns = 0 if since is None else state.key.clock.waited(since, now)
        if ns >= NOTICEABLE_WAIT:
            state.key.clock.attend(now)
            note_wait(state, now, ns)
            return ns
    except Exception:  # noqa: BLE001 as above
        state.key.recorder.faults.note("arrival")
    return 0


def note_wait(state: RequestState, now: int, ns: int) -> None:
    """A request that begins now has waited for so long, for whatever the loop did meanwhile."""
    state.set_extra().queued = ns
    state.key.recorder.heartbeat.use.add_wait(now - ns, now)


def give_up(key: RequestKey, scope: Scope, slot: int | None) -> None:
    """A request could not be begun, because of the exception being handled."""
    key.recorder.faults.note("begin")
    scope.pop(MARK, None)
    if slot is not None:
        key.recorder.file.release_slot(slot)


def _path(scope: Scope) -> bytes:
    path = scope.get("raw_path")
    if not isinstance(path, bytes):
        path = scope["path"].encode(errors="replace")
    return path[:PATH_BYTES]
