"""Which request blocks the event loop, by the stack of the thread that the loop runs on."""

import asyncio
import gc
import logging
import time
from contextlib import suppress
from contextvars import Context
from types import FrameType
from typing import Any

from starlette.types import Scope

from sidelight.asgi.code_lines import home_of, lines_of
from sidelight.asgi.code_place import innermost_own, place_of
from sidelight.asgi.labels import Labels
from sidelight.asgi.mark import MARK
from sidelight.asgi.phase_of_code import phase_of_stack
from sidelight.contract import METRICS, NANOSECONDS, UNKNOWN, UNMATCHED
from sidelight.runtime.loop_block import BlockSource, Cause, OngoingBlock
from sidelight.runtime.loop_sampler import Work
from sidelight.runtime.origin import ORIGIN
from sidelight.store import reader
from sidelight.store.reader import route_of
from sidelight.store.writer import WorkerFile

logger = logging.getLogger("sidelight.loop")

BLOCKED = METRICS["asyncio_event_loop_blocked_seconds_total"]
BLOCKS = METRICS["asyncio_event_loop_blocks_total"]
LOG_SECONDS = 60.0
RUN_HANDLE = asyncio.Handle._run.__code__  # noqa: SLF001 every task and callback passes it


class LoopBlockAttribution:
    """Counts and logs what blocks the event loop, by the routes of one application."""

    def __init__(self, labels: Labels, file: WorkerFile) -> None:
        self._labels = labels
        self._file = file
        self._logged: dict[tuple[str, Cause], float] = {}

    def attribute(self, frame: FrameType | None, loop: Any) -> BlockSource:
        """What a stack works for. Its route is empty outside of any request.

        Every part of a request's way down to its endpoint has the scope at hand, also where
        a middleware runs the rest in a task of its own. Without a stack (``frame`` is None)
        it is known only when a single request is in flight. In a task or a callback that a
        request started, the context tells which.
        """
        if frame is None:
            return BlockSource(self._only_request(), cause="unknown")
        scope = scope_of(frame)
        endpoint = None if scope is None else scope.get("endpoint")
        return BlockSource(self._route_of(frame, scope, loop), lines_of(frame, endpoint))

    def work_of(self, frame: FrameType, loop: Any) -> Work:
        """The route and the line that a stack works for; no route outside of any request."""
        scope = scope_of(frame)
        endpoint = None if scope is None else scope.get("endpoint")
        found = innermost_own(frame, home_of(endpoint))
        line = () if found is None else place_of(found[0])
        return Work(self._route_of(frame, scope, loop), line)

    def _route_of(self, frame: FrameType, scope: Scope | None, loop: Any) -> str:
        """The route of a request, or of the one that started what runs; empty without one."""
        return self._started_by(context_of(frame, loop)) if scope is None else self._route(scope)

    def attribute_thread(self, frame: FrameType) -> BlockSource:
        """What another thread works for: a request that runs a function in a thread of AnyIO."""
        return BlockSource(self._started_by(context_of_thread(frame)), lines_of(frame), "gil")

    def note_phase(self, frame: FrameType, now: int, passed: int) -> None:
        """Note the phase of the request that a stack works for, if it is one that is measured."""
        scope = scope_of(frame)
        if scope is not None:
            with suppress(AttributeError, KeyError, TypeError, ValueError):  # it is not measured
                key, slot, start = scope[MARK]
                phases = key.recorder.heartbeat.phases
                phases.add((start, slot), phase_of_stack(frame), now, passed)

    def _route(self, scope: Scope) -> str:
        """The route by the application that measures the request, which may be another."""
        labels = self._labels
        with suppress(AttributeError, IndexError, KeyError, TypeError):  # it is not measured
            labels = scope[MARK][0].recorder.labels
        return labels.seen(scope) or UNMATCHED

    def _started_by(self, context: Context | None) -> str:
        """The route of the request that a task or a callback was started in, if it was in one."""
        origin = context.get(ORIGIN) if context is not None else None
        if origin is None or origin[0].recorder.labels is not self._labels:
            return ""
        key, path = origin
        return key.route_of(path)

    def count_block(self, route: str, ns: int, *, first: bool) -> None:
        """Count ``ns`` of a block against a route."""
        self._file.count(BLOCKED, (route,), ns)
        if first:
            self._file.count(BLOCKS, (route,))

    def log_block(self, block: OngoingBlock, *, ended: bool) -> None:
        """Log a block that has ended, once a minute for each route and cause; or a long one so far.

        The end of one that was logged so far is always logged.
        """
        now, source = time.monotonic(), block.main_source()
        if ended:
            what = source.route, source.cause
            recent = now - self._logged.get(what, -LOG_SECONDS) < LOG_SECONDS
            if recent and not block.logged:
                return
            self._logged[what] = now
        seconds = block.ns / NANOSECONDS
        logger.warning(
            "event loop blocked for %.3f s %sby %s",
            seconds,
            "" if ended else "so far ",
            source,
            extra={
                "sidelight": {
                    "route": source.route,
                    "seconds": seconds,
                    "frames": source.where,
                    "cause": source.cause,
                }
            },
        )

    def show_block(self, block: OngoingBlock) -> None:
        """Show other processes a block that lasts."""
        self._file.show_blocked_loop(block.began, str(block.main_source()))

    def hide_block(self) -> None:
        """The block that was shown has ended."""
        self._file.hide_blocked_loop()

    def _only_request(self) -> str:
        file = reader.read(self._file.name, self._file.fd, {}, alive=True)
        rows = reader.inflight_requests(file)
        if len(rows) != 1:
            return UNKNOWN
        return route_of(file, rows[0]) or UNMATCHED


def context_of(frame: FrameType, loop: Any) -> Context | None:
    """The context of what runs on a loop, where it can be read from another thread."""
    found: FrameType | None = frame
    while found is not None:
        if found.f_code is RUN_HANDLE:
            context: Context | None = found.f_locals["self"]._context  # noqa: SLF001 as tests do
            return context
        found = found.f_back
    # Handles of uvloop are not written in Python. A loop that has stopped in this moment is None.
    task = None if loop is None else asyncio.current_task(loop)
    return None if task is None else _context_of_task(task)


def context_of_thread(frame: FrameType | None) -> Context | None:
    """The context in which a thread of AnyIO runs a function; None in most other threads."""
    while frame is not None:
        if "context" in frame.f_code.co_varnames:
            context = frame.f_locals.get("context")
            if type(context) is Context:
                return context
        frame = frame.f_back
    return None


def _context_of_task(task: Any) -> Context | None:
    if hasattr(task, "get_context"):  # from Python 3.12 on
        context: Context | None = task.get_context()
        return context
    # A task refers to its own context first, and then to those of its callbacks.
    return next((each for each in gc.get_referents(task) if isinstance(each, Context)), None)


def scope_of(frame: FrameType | None) -> Scope | None:
    """The scope of the request that a stack works for, or None."""
    while frame is not None:
        if "scope" in frame.f_code.co_varnames:
            scope = frame.f_locals.get("scope")  # of any function that calls a variable so
            kind = scope.get("type") if type(scope) is dict else None
            if type(kind) is str and kind in {"http", "websocket"}:
                return scope
        frame = frame.f_back
    return None
