"""Which request blocks the event loop, by the stack of the thread that the loop runs on."""

import logging
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from starlette.types import Scope

from sidelight.asgi.labels import Labels
from sidelight.contract import METRICS, NANOSECONDS, UNKNOWN
from sidelight.runtime.watchdog import BlockSource
from sidelight.store import reader
from sidelight.store.reader import route_of
from sidelight.store.writer import WorkerFile

logger = logging.getLogger("sidelight.loop")

BLOCKED = METRICS["asyncio_event_loop_blocked_seconds_total"]
BLOCKS = METRICS["asyncio_event_loop_blocks_total"]
LOG_SECONDS = 60.0
FRAMES = 3
LIBRARIES = tuple(
    {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    | {str(Path(__file__).parent.parent), "<"}
)
"""Code in these folders is not the application's."""


class LoopBlockAttribution:
    """Counts and logs what blocks the event loop, by the routes of one application."""

    def __init__(self, labels: Labels, file: WorkerFile) -> None:
        self._labels = labels
        self._file = file
        self._logged: dict[str, float] = {}

    def attribute(self, frame: FrameType | None) -> BlockSource:
        """What a stack works for. Its route is empty outside of any request.

        Every part of a request's way down to its endpoint has the scope at hand, also where
        a middleware runs the rest in a task of its own. Without a stack (``frame`` is None)
        it is known only when a single request is in flight.
        """
        if frame is None:
            return BlockSource(self._only_request())
        scope = scope_of(frame)
        return BlockSource(
            "" if scope is None else self._labels.seen(scope), tuple(own_frames(frame))
        )

    def count_block(self, source: BlockSource, ns: int, *, first: bool) -> None:
        """Count ``ns`` of a block against a route; log the first look at it."""
        route = source.route
        self._file.count(BLOCKED, (route,), ns)
        if not first:
            return
        self._file.count(BLOCKS, (route,))
        now = time.monotonic()
        if now - self._logged.get(route, -LOG_SECONDS) >= LOG_SECONDS:
            self._logged[route] = now
            self._log(source, ns / NANOSECONDS)

    def _log(self, source: BlockSource, seconds: float) -> None:
        logger.warning(
            "event loop blocked for %.3f s so far by %s: %s",
            seconds,
            source.route or "no request",
            ", called from ".join(source.where) or "its stack could not be read",
            extra={
                "sidelight": {"route": source.route, "seconds": seconds, "frames": source.where}
            },
        )

    def _only_request(self) -> str:
        file = reader.read(self._file.name, self._file.fd, {}, alive=True)
        rows = reader.inflight_requests(file)
        if len(rows) != 1:
            return UNKNOWN
        return route_of(file, rows[0])


def scope_of(frame: FrameType | None) -> Scope | None:
    """The scope of the request that a stack works for, or None."""
    while frame is not None:
        if "scope" in frame.f_code.co_varnames:
            scope = frame.f_locals.get("scope")
            if isinstance(scope, dict) and scope.get("type") in {"http", "websocket"}:
                return scope
        frame = frame.f_back
    return None


def own_frames(frame: FrameType | None) -> Iterator[str]:
    """The innermost frames of the user's own code, as ``file:line in function``."""
    found = 0
    while frame is not None and found < FRAMES:
        code = frame.f_code
        if not code.co_filename.startswith(LIBRARIES):
            found += 1
            yield f"{code.co_filename}:{frame.f_lineno} in {code.co_qualname}"
        frame = frame.f_back
