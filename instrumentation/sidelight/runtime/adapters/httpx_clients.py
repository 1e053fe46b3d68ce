"""Clients of httpx and httpx2, sync and async.

A request is measured from when it is handed to a transport until its response was read to
the end or closed, which is what httpx calls ``elapsed``. Each redirect, and each step of an
authentication, is a request.
https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#http-client
"""

import inspect
import time
from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any, Self

from sidelight.cardinality import CardinalityLimiter
from sidelight.contract import METHODS, METRICS, OTHER
from sidelight.runtime import instruments
from sidelight.runtime.adapters.adapter import Adapter, Method
from sidelight.runtime.faults import guarded
from sidelight.runtime.origin import ORIGIN, route_of

DURATION = METRICS["http_client_request_duration_seconds"]
CLIENT_ERROR = 400
DEFAULT_PORTS = {"http": 80, "https": 443}
MOST_SERVERS = 50
MOST_ERRORS = 50
MOST_ROUTED = 150
"""Label sets with a route; those of further routes are of `OTHER`."""
MOST_SERIES = 200

_servers = CardinalityLimiter(MOST_SERVERS)
_errors = CardinalityLimiter(MOST_ERRORS)
_series: set[tuple[str, ...]] = set()


def _labels(
    method: str, route: str, server: str, status: int | None, error: str
) -> tuple[str, ...]:
    """A label set from a bounded number, whatever a server answers. ``server`` has the port."""
    method = method if method in METHODS else OTHER
    kind = _errors(error) if error else ""
    if not kind and status is not None and status >= CLIENT_ERROR:
        kind = str(status)
    sent = "" if status is None else str(status)
    address, _, port = _servers(server).rpartition(":")
    to = address or OTHER, port if address else ""
    for sender, most in ((route, MOST_ROUTED), (OTHER, MOST_SERIES)):
        labels = (method, sender, *to, sent, kind)
        if labels in _series or len(_series) < most:
            _series.add(labels)
            return labels
    return (OTHER, OTHER, OTHER, "", "", OTHER if kind else "")


class ClientRequest:
    """One request and its outcome. It is entered until there is a response."""

    __slots__ = ("_began", "_method", "_origin", "_server", "error", "status")

    def __init__(self, request: Any) -> None:
        self.status: int | None = None
        self.error = ""
        self._method = self._server = OTHER
        self._origin = ORIGIN.get()
        self._name(request)
        self._began: int | None = time.monotonic_ns()

    @guarded("watch")
    def _name(self, request: Any) -> None:
        url = request.url
        port = url.port or DEFAULT_PORTS.get(url.scheme, "")
        self._method, self._server = request.method, f"{url.host}:{port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        if error is not None:
            self.failed(error)
            self.end()

    def failed(self, error: BaseException) -> None:
        """Record an exception that was raised in place of a response or of its rest."""
        self.error = type(error).__name__

    @guarded("watch")
    def end(self) -> None:
        """Record it, once."""
        began, self._began = self._began, None
        if began is not None:
            route = route_of(self._origin)
            labels = _labels(self._method, route, self._server, self.status, self.error)
            instruments.observe(DURATION, labels, time.monotonic_ns() - began)

    @guarded("watch")
    def answered(self, response: Any) -> None:
        """Headers are there: end with the body, which may have been read already."""
        self.status = response.status_code
        if response.is_closed:
            self.end()
            return
        stream = response.stream
        base: Any = type(stream)
        stream.__class__ = _timed(base)
        stream.sidelight_request = self


class HttpxClient(Adapter):
    """One client, with all its transports."""

    def methods(self, base: Any) -> Iterator[Method]:
        """What `send`, redirects and authentication use for each single request."""
        name = "_send_single_request"
        is_async = inspect.iscoroutinefunction(getattr(base, name))
        yield self._async(base) if is_async else self._sync(base)

    def _sync(self, base: Any) -> Method:
        def _send_single_request(client: Any, request: Any) -> Any:
            with ClientRequest(request) as sent:
                response = base._send_single_request(client, request)  # noqa: SLF001 no public one for each hop
            sent.answered(response)
            return response

        return _send_single_request

    def _async(self, base: Any) -> Method:
        async def _send_single_request(client: Any, request: Any) -> Any:
            with ClientRequest(request) as sent:
                response = await base._send_single_request(client, request)  # noqa: SLF001 as above
            sent.answered(response)
            return response

        return _send_single_request

    def over(self) -> bool:
        """Whether it is closed or freed."""
        client = self.source
        return client is None or client.is_closed


@lru_cache
def _timed(base: Any) -> type:
    """The class of httpx's own streams of a response, and a look at how they end."""
    body = _async_stream(base) if hasattr(base, "aclose") else _sync_stream(base)
    names = {"__module__": base.__module__, "__qualname__": base.__qualname__}
    return type(base.__name__, (base,), {**names, **body})


def _sync_stream(base: Any) -> dict[str, Method]:
    def iterate(stream: Any) -> Iterator[bytes]:
        try:
            yield from base.__iter__(stream)
        except GeneratorExit:  # a consumer that has enough
            raise
        except BaseException as error:
            stream.sidelight_request.failed(error)
            raise

    def close(stream: Any) -> None:
        try:
            base.close(stream)
        finally:
            stream.sidelight_request.end()

    return {"__iter__": iterate, "close": close}


def _async_stream(base: Any) -> dict[str, Method]:
    async def iterate(stream: Any) -> AsyncIterator[bytes]:
        try:
            async for chunk in base.__aiter__(stream):
                yield chunk
        except GeneratorExit:  # a consumer that has enough
            raise
        except BaseException as error:
            stream.sidelight_request.failed(error)
            raise

    async def aclose(stream: Any) -> None:
        try:
            await base.aclose(stream)
        finally:
            stream.sidelight_request.end()

    return {"__aiter__": iterate, "aclose": aclose}
