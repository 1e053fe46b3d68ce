"""FastAPI's own telemetry (0.142 and later): the one file that knows its insides.

It sends metrics under the same names as Sidelight, and reports each of its operations to an
OpenTelemetry tracer. The tracer of a sampled request is Sidelight's, or passes on to the user's.
"""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from functools import cache
from typing import Any, Protocol

from starlette.types import Message, Scope

from sidelight.asgi import otel_instrumentation

try:
    from fastapi.routing import APIRoute
    from fastapi.telemetry import _api
    from opentelemetry import context, metrics
    from opentelemetry.trace import INVALID_SPAN, NoOpTracer

    KNOWN = True
except ImportError:  # Starlette alone, or FastAPI before 0.142
    KNOWN = False
    INVALID_SPAN = None  # type: ignore[assignment] # OpenTelemetry is not installed
    NoOpTracer = object  # type: ignore[assignment, misc] # OpenTelemetry is not installed

FIRST = "0.142"
"""The first FastAPI that reports its operations."""

NO_SPAN = nullcontext(INVALID_SPAN)
PREFIX = "fastapi."
OPERATIONS = ("dependencies", "endpoint", "serialization")
"""Those of every request, in their order; each begins when the one before it has ended."""

Stop = Callable[[], None]


class Listener(Protocol):
    """Is called for the operations of one request, from any thread."""

    def begin(self, operation: str) -> bool:
        """An operation begins; returns whether `end` is to be called."""

    def end(self) -> None:
        """It has ended."""


def sends_metrics(app: Any) -> bool:
    """Whether an application of FastAPI's sends request metrics of its own.

    It does with a MeterProvider. A provider for traces or logs alone leads to no metrics, and
    where OpenTelemetry's instrumentation is in the stack, FastAPI leaves them to it.
    """
    telemetry = getattr(app, "_native_telemetry", None)
    config = getattr(app, "_telemetry", None) or {}
    if telemetry is None or not config.get("metrics"):
        return False
    try:
        found = _has_meter(type(telemetry), config) or _will_have_meter(config)
        return found and otel_instrumentation.in_stack_of(app) is None
    except Exception:  # noqa: BLE001 an error of the insides, or of the provider, is no answer
        return False


def _has_meter(kind: Any, config: Any) -> bool:
    """Whether there is a MeterProvider now, one that is not disabled."""
    if not kind({**config, "tracing": False, "logs": False}).enabled():
        return False
    provider = config.get("meter_provider") or metrics.get_meter_provider()
    return not isinstance(provider.get_meter("fastapi"), metrics.NoOpMeter)


def _will_have_meter(config: Any) -> bool:
    """Whether FastAPI makes a MeterProvider when it starts, as its environment asks for."""
    if not config.get("auto_configure") or os.environ.get("OTEL_SDK_DISABLED") == "true":
        return False
    from fastapi.telemetry import _runtime  # noqa: PLC0415 not every version has it

    return _runtime._export_endpoint("METRICS") is not None  # noqa: SLF001 as in all of this file


@cache
def reports_operations() -> bool:
    """Whether this FastAPI reports its operations to a listener, which a rehearsal shows.

    That is what keeps a change of its insides from failing a request: then there are none.
    """
    try:
        return KNOWN and (_rehearsed(_answers), _rehearsed(_fails)) == (
            [*OPERATIONS],
            [*OPERATIONS[:2]],
        )
    except Exception:  # noqa: BLE001 whatever they are now, they aren't what is known here
        return False


def listen(scope: Scope, listener: Listener) -> Stop:
    """Report the operations of a request to a listener, until the returned function is called.

    The current span, baggage and sampling stay as they are. Without telemetry of its own the
    request has none for others either: `fastapi.telemetry.get_telemetry_data` stays None.
    """
    existing = scope.get("fastapi.telemetry")
    if isinstance(existing, _api._RequestTelemetry):  # noqa: SLF001 as in all of this file
        return _listen_to(existing, listener)
    own = _api._RequestTelemetry(  # noqa: SLF001 FastAPI has no public way
        span=None, span_method="", tracer=_Tracer(listener), data=None
    )
    token = context.attach(context.set_value(_api._REQUEST_TELEMETRY_KEY, own))  # noqa: SLF001 FastAPI has no public way
    return lambda: context.detach(token)


def _listen_to(existing: Any, listener: Listener) -> Stop:
    """FastAPI's telemetry is on: a listener gets the operations that the user's tracer gets."""
    tracer = existing.tracer
    existing.tracer = _Tracer(listener) if tracer is None else _ListeningTracer(listener, tracer)

    def stop() -> None:
        existing.tracer = tracer

    return stop


class _Tracer(NoOpTracer):
    """Has no spans: it only listens."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def start_as_current_span(self, name: str, *_: Any, **__: Any) -> Any:
        return _Operation(self._listener, name, NO_SPAN)


class _ListeningTracer:
    """The user's own tracer, listened to."""

    def __init__(self, listener: Listener, tracer: Any) -> None:
        self._listener = listener
        self._tracer = tracer

    def start_as_current_span(self, name: str, *args: Any, **options: Any) -> Any:
        span = self._tracer.start_as_current_span(name, *args, **options)
        return _Operation(self._listener, name, span)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracer, name)


class _Operation(AbstractContextManager[Any]):
    """One operation, within the span it has."""

    def __init__(
        self, listener: Listener, name: str, span: AbstractContextManager[Any, bool | None]
    ) -> None:
        self._listener = listener
        self._name = name.removeprefix(PREFIX)
        self._span = span
        self._reported = False

    def __enter__(self) -> Any:
        span = self._span.__enter__()
        self._reported = self._name in OPERATIONS and self._listener.begin(self._name)
        return span

    def __exit__(self, *error: Any) -> bool | None:  # noqa: PYI036 as they came
        if self._reported:
            self._listener.end()
        return self._span.__exit__(*error)


class _OperationLog(list[str]):
    """A listener that remembers."""

    def begin(self, operation: str) -> bool:
        self.append(operation)
        return False

    def end(self) -> None: ...


class _RehearsedError(Exception):
    """What the second endpoint of the rehearsal raises."""


# At module level: FastAPI remembers endpoints by their id, so these must never go.
async def _answers() -> dict[str, str]:
    return {}


async def _fails() -> None:
    raise _RehearsedError


def _rehearsed(endpoint: Callable[[], Any]) -> list[str]:
    """The operations that a route of Sidelight's own reports."""
    log = _OperationLog()

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None: ...

    async def serve() -> None:
        async with AsyncExitStack() as stack:
            scope["fastapi_middleware_astack"] = stack
            await APIRoute("/", endpoint, response_model=None).app(scope, receive, send)

    scope: Scope = {"type": "http", "method": "GET", "path": "/", "path_params": {}}
    scope.update(headers=[], query_string=b"")
    stop = listen(scope, log)
    steps = serve()
    try:
        steps.send(None)  # nothing in it waits, so no event loop is needed
    except (StopIteration, _RehearsedError):
        return log
    finally:
        stop()
        steps.close()
    return []
