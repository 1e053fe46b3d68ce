"""The routes of the HTTP API, and the queue of its queries."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from urllib.parse import unquote_to_bytes

import anyio
import anyio.to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sidelight.embedded.api import metadata, queries, rules
from sidelight.embedded.api.form import read_parameters
from sidelight.embedded.api.parameters import ApiParameters
from sidelight.embedded.api.responses import (
    ResponseData,
    error_of_type,
    error_response,
    success_response,
)
from sidelight.embedded.history.exposition import Exemplars, MetricMetadata
from sidelight.embedded.history.history import History
from sidelight.embedded.promql.limits import QueryError, QueryLimits
from sidelight.embedded.rules.evaluator import RuleGroup

T = TypeVar("T")

CONCURRENCY = 2
MAX_QUEUE = 200
TIMEOUT_SECONDS = 5.0
MAX_SAMPLES = 5_000_000
"""Samples that a query may select: 40 MB."""
logger = logging.getLogger("sidelight.sidecar")
BOTH = ["GET", "POST"]
Endpoint = Callable[[ApiParameters, QueryLimits], ResponseData]


class QueryQueue:
    """Runs functions that read the history, ``CONCURRENCY`` at a time; others wait."""

    def __init__(self) -> None:
        self._running = anyio.Semaphore(CONCURRENCY)
        self._threads = anyio.CapacityLimiter(CONCURRENCY)
        self._waiting = 0

    async def run(self, work: Callable[[QueryLimits], T], seconds: float = TIMEOUT_SECONDS) -> T:
        """Return what ``work`` returns. Raises `QueryError` if it does not start or end in time."""
        deadline = time.monotonic() + min(seconds, TIMEOUT_SECONDS)
        if self._waiting >= MAX_QUEUE:
            raise QueryError("timeout", "query timed out in query queue: too many wait already")
        self._waiting += 1
        try:
            with anyio.fail_after(deadline - time.monotonic()):
                await self._running.acquire()
        except TimeoutError:
            raise QueryError("timeout", "query timed out in query queue") from None
        finally:
            self._waiting -= 1
        try:
            limits = QueryLimits(seconds=deadline - time.monotonic(), samples=MAX_SAMPLES)
            return await anyio.to_thread.run_sync(work, limits, limiter=self._threads)
        finally:
            self._running.release()


@dataclass(frozen=True, slots=True)
class AppState:
    """The state that the endpoints read."""

    history: History
    metadata: MetricMetadata
    exemplars: Exemplars
    groups: Sequence[RuleGroup]


def routes(state: AppState) -> list[BaseRoute]:
    """Return the routes of all endpoints."""
    queue, history = QueryQueue(), state.history

    def route(path: str, methods: list[str], endpoint: Endpoint, *, timed: bool = False) -> Route:
        async def respond(request: Request) -> Response:
            return await _respond(queue, request, endpoint, timed=timed)

        return Route(f"/api/v1/{path}", respond, methods=methods)

    async def values(request: Request) -> Response:
        endpoint = partial(metadata.label_values, history, _label_of_path(request))
        return await _respond(queue, request, endpoint, timed=False)

    return [
        route("query", BOTH, partial(queries.query, history), timed=True),
        route("query_range", BOTH, partial(queries.query_range, history), timed=True),
        route("query_exemplars", BOTH, partial(queries.query_exemplars, state.exemplars)),
        route("series", BOTH, partial(metadata.series, history)),
        route("labels", BOTH, partial(metadata.labels, history)),
        Route("/api/v1/label/{name}/values", values),
        route("metadata", ["GET"], lambda params, _: metadata.metadata(state.metadata, params)),
        route("rules", ["GET"], partial(rules.rules, state.groups)),
        route("alerts", ["GET"], lambda *_: rules.alerts(state.groups)),
        route("status/buildinfo", ["GET"], lambda *_: metadata.buildinfo()),
    ]


def _label_of_path(request: Request) -> str:
    """Return the name of a label; bytes that are not UTF-8 stay single characters."""
    path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    *_, name, _ = path.partition(b"?")[0].split(b"/")
    return unquote_to_bytes(name).decode("utf-8", "surrogateescape")


async def _respond(
    queue: QueryQueue, request: Request, endpoint: Endpoint, *, timed: bool
) -> Response:
    try:
        params = await read_parameters(request)
        seconds = _seconds(params) if timed else TIMEOUT_SECONDS
        return success_response(await queue.run(partial(endpoint, params), seconds))
    except QueryError as error:
        return error_response(error)
    except ClientDisconnect:
        return error_of_type("canceled", "the client closed the connection")
    except Exception:
        logger.exception("a request to the API failed")
        return error_of_type("internal", "internal error of the sidecar; its log has the traceback")


def _seconds(params: ApiParameters) -> float:
    """Return the time that the client gives; the endpoint refuses a timeout that is invalid."""
    try:
        return params.timeout(TIMEOUT_SECONDS)
    except QueryError:
        return TIMEOUT_SECONDS
