"""What a request is looked up by: method, scheme and ``root_path``, and then its route."""

from collections.abc import Iterator
from types import FunctionType, MethodType
from typing import NamedTuple

from starlette.types import Scope

from sidelight.asgi import exception_handlers
from sidelight.asgi.exclusions import Exclusions
from sidelight.asgi.labels import MOST_ROOTS, method_label, root_of, scheme_label
from sidelight.asgi.recorder import Recorder
from sidelight.asgi.routes import chosen
from sidelight.asgi.series import RouteSeries, StatusSeries
from sidelight.contract import OTHER, UNKNOWN
from sidelight.runtime.faults import guarded
from sidelight.store.inflight import InflightSlot
from sidelight.store.layout import pack_method_scheme
from sidelight.store.route_table import WEBSOCKET

HASHED_BY_IDENTITY = frozenset({FunctionType, MethodType, type})
"""Endpoints of these types can be looked up; another may have a hash or an ``==`` of its own."""
MOST_BY_ROUTE = 1024


class Target(NamedTuple):
    """What a request is for, read from its scope once; as the server sent it.

    ``app_root`` is what ``root_path`` was before a mount added to it.
    """

    method: str
    scheme: str
    root_path: str
    app_root: str
    path: str


def target_of(scope: Scope) -> Target:
    """The target of a request, or of a connection, whose method is ``WEBSOCKET``."""
    method = WEBSOCKET
    if scope["type"] == "http":
        method = OTHER if scope["method"] == WEBSOCKET else scope["method"]
    return Target(
        method,
        scope.get("scheme", "http"),
        scope.get("root_path", ""),
        root_of(scope),
        scope["path"],
    )


class RequestKey:
    """Requests with one method, scheme and ``root_path``; ``packed`` says the first two.

    ``route_series`` and ``last_series`` are by endpoint; the latter is that of the status it had
    last. The file's ``words``, its free ``slots`` and the time at which the heartbeat is
    ``due`` are here too, one step nearer to the request path. After ``unsampled`` more requests
    the phases of one are measured; never, if it is below zero.
    """

    __slots__ = (
        "_by_route",
        "due",
        "exclusions",
        "last_series",
        "method",
        "metrics_path",
        "packed",
        "recorder",
        "root_path",
        "route_series",
        "scheme",
        "slots",
        "unsampled",
        "words",
    )
    due: int
    words: memoryview
    slots: list[InflightSlot]

    def __init__(self, target: Target, recorder: Recorder, exclusions: Exclusions) -> None:
        self.method = method_label(target.method)
        self.scheme = scheme_label(target.scheme)
        self.root_path = target.root_path
        self.packed = pack_method_scheme(self.scheme, self.method)
        self.metrics_path = exclusions.metrics_path or ""
        self.exclusions = exclusions if self.root_path or exclusions.configured else None
        """None where the path of the metrics is the only one that is not measured."""
        self.route_series: dict[object, RouteSeries] = {}
        self.last_series: dict[object, StatusSeries] = {}
        # Where many routes share an endpoint; an id is only good while its object lives.
        self._by_route: dict[tuple[int, str | None], tuple[RouteSeries, object]] = {}
        self.recorder = recorder
        self.unsampled = recorder.sampler.gap()
        self.renew()

    def __deepcopy__(self, _: object) -> "RequestKey":
        """A copy of a scope belongs to the same request."""
        return self

    def handled(self, scope: Scope, error: BaseException) -> None:
        """An exception handler of the application's is about to answer an exception."""
        with guarded("validation", self.recorder.faults):
            self.recorder.validation.handled(scope, error)

    def renew(self) -> None:
        """Read again what may have changed: the file, and when the heartbeat is due."""
        file = self.recorder.file
        self.words, self.slots = file.words, file.free_slots
        self.due = self.recorder.heartbeat.due

    def forget(self) -> None:
        """Forget what was learned of endpoints, since the application's routes have changed."""
        for series in self.route_series.values():
            series.by_status.clear()
        self.route_series.clear()
        self.last_series.clear()
        self._by_route.clear()

    def find_route(self, scope: Scope, status: int) -> RouteSeries:
        """The series of the route of a request that has been routed."""
        endpoint = scope.get("endpoint")
        hashed = type(endpoint) in HASHED_BY_IDENTITY
        if hashed and endpoint in self.route_series:
            return self.route_series[endpoint]
        exception_handlers.learn(scope)
        route = chosen(scope)
        by_route = (id(route), scope.get("root_path"))
        if route is not None and by_route in self._by_route:
            return self._by_route[by_route][0]
        name = self.recorder.route_of(scope, status)
        series = self.recorder.route_series(self.method, name, self.scheme, root_of(scope))
        if name == UNKNOWN:
            return series
        if hashed and self.recorder.labels.table.template_of(endpoint) is not None:
            self.route_series[endpoint] = series
        elif route is not None:
            if len(self._by_route) >= MOST_BY_ROUTE:
                self._by_route.clear()
            self._by_route[by_route] = (series, route)
        return series

    def find_status(self, scope: Scope, status: int) -> StatusSeries:
        """The series of a whole response; the fast path finds it the next time, if it may."""
        endpoint = scope.get("endpoint")
        if type(endpoint) not in HASHED_BY_IDENTITY:
            endpoint = None
        found = self.last_series.get(endpoint)
        if found is not None and found.status == status:
            return found
        series = self.find_route(scope, status)
        found = series.status_series(status, tracing=self.recorder.tracing)
        if found is series.by_status.get(status) and series is self.route_series.get(endpoint):
            self.last_series[endpoint] = found
        return found


class RequestKeys:
    """The keys of one application in this process."""

    def __init__(self, recorder: Recorder, exclusions: Exclusions) -> None:
        self._recorder = recorder
        self._exclusions = exclusions
        self._by_root: dict[str, dict[tuple[str, str], RequestKey]] = {}
        recorder.on_renewal(self._renew)
        recorder.on_change(self._forget)

    def find(self, target: Target) -> tuple[RequestKey, bool]:
        """The key of a request, and whether it is one of those that are found again."""
        name = target.method, target.scheme
        found = self._by_root.get(target.root_path, {}).get(name)
        if found is not None:
            return found, True
        self._recorder.labels.note_root(target.scheme, target.app_root)
        key = RequestKey(target, self._recorder, self._exclusions)
        kept = (key.method, key.scheme) == name and len(self._by_root) < MOST_ROOTS
        if kept:
            self._by_root.setdefault(target.root_path, {})[name] = key
        return key, kept

    def _each(self) -> Iterator[RequestKey]:
        for keys in self._by_root.values():
            yield from keys.values()

    def _renew(self) -> None:
        for key in self._each():
            key.renew()

    def _forget(self) -> None:
        for key in self._each():
            key.forget()
