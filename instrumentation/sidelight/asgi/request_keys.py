"""What a request is looked up by: method, scheme and ``root_path``, and then its route."""

import os
from collections.abc import Iterator
from typing import Any, NamedTuple
from weakref import WeakSet

from starlette.types import Scope

from sidelight.asgi import exception_handlers
from sidelight.asgi.chosen_route import chosen
from sidelight.asgi.exclusions import Exclusions
from sidelight.asgi.key import KeyBase
from sidelight.asgi.labels import method_label, scheme_label
from sidelight.asgi.recorder import Recorder
from sidelight.asgi.root_paths import MOST_ROOTS
from sidelight.asgi.series import PACKED_SIZES, RouteSeries, StatusSeries
from sidelight.contract import OTHER, UNMATCHED
from sidelight.runtime.faults import guarded
from sidelight.store.layout import SLOT_WORDS, pack_method_scheme
from sidelight.store.route_table import WEBSOCKET

MOST_ROUTES = 1024
"""Routes that a key remembers, each once for every ``root_path``, which mounts add to."""


_keys: "WeakSet[RequestKey]" = WeakSet()


class Target(NamedTuple):
    """What a request is for, read from its scope once; as the server sent it."""

    method: str
    scheme: str
    root_path: str
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
        scope["path"],
    )


class KnownRoute(NamedTuple):
    """What was learned of a chosen route, or of an endpoint where ``by_endpoint`` is set.

    It refers to the route itself, since an id is only good while its object lives.
    """

    series: RouteSeries
    route: object
    by_endpoint: bool


class RequestKey(KeyBase):
    """Requests with one method, scheme and ``root_path``; ``packed`` says the first two.

    The file's ``words``, its free ``slots``, their ``paths``, the ``bounds`` of durations and the
    time at which the heartbeat is ``due`` are here too, one step nearer to the request path. After
    ``unsampled`` more requests the phases of one are measured.
    """

    __slots__ = ("_known", "bounds", "paths", "recorder")
    paths: dict[int, Any]

    def __init__(self, target: Target, recorder: Recorder, exclusions: Exclusions) -> None:
        self.method = method_label(target.method)
        self.scheme = scheme_label(target.scheme)
        self.root_path = target.root_path
        self.packed = pack_method_scheme(self.scheme, self.method)
        self.metrics_path = exclusions.metrics_path or ""
        self.exclusions = exclusions if self.root_path or exclusions.configured else None
        """None where the path of the metrics is the only one that is not measured."""
        self._known: dict[tuple[str, int], KnownRoute] = {}
        self.recorder = recorder
        writer = recorder.writer
        self.bounds = writer.bounds
        self.prepare(
            writer.packed_bounds,
            writer.packed_cells,
            writer.classic_bounds[0],
            PACKED_SIZES,
            SLOT_WORDS,
        )
        self.unsampled = recorder.sampler.gap()
        self.renew()
        _keys.add(self)

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
        self.words, self.slots, self.paths = file.words, file.free_slots, file.paths
        self.due, self.clock = self.recorder.heartbeat.due, self.recorder.heartbeat.clock

    def forget(self) -> None:
        """Forget what was learned of routes, since the application's routes have changed."""
        for known in list(self._known.values()):
            known.series.by_status.clear()
        self.forget_series()
        self._known.clear()

    def route_of(self, path: str) -> str:
        """The route of a request with this key, by its path alone. Any thread may call it."""
        kind = "websocket" if self.method == WEBSOCKET else "http"
        request = {"type": kind, "method": self.method, "path": path, "root_path": self.root_path}
        return self.recorder.labels.seen(request) or UNMATCHED

    def find_route(self, scope: Scope, status: int) -> RouteSeries:
        """The series of the route of a request that has been routed."""
        route = chosen(scope)
        return self._find(scope, status, route)[0]

    def _find(
        self, scope: Scope, status: int, route: object | None
    ) -> tuple[RouteSeries, KnownRoute | None]:
        """The series of a route, and what is known of the route if it is found again."""
        chosen_by = scope.get("endpoint") if route is None else route
        name = scope.get("root_path", ""), id(chosen_by)
        known = self._known.get(name)
        if known is not None and (not known.by_endpoint or self.recorder.labels.refresh(scope)):
            return known.series, known
        exception_handlers.learn(scope)
        label = self.recorder.route_of(scope, status)
        series = self.recorder.route_series(self.method, label.text, self.scheme, scope)
        if not (label.by_route or label.by_endpoint):
            return series, None
        if len(self._known) >= MOST_ROUTES:
            self._known.clear()
            self.forget_series()
        known = KnownRoute(series, chosen_by, label.by_endpoint)
        self._known[name] = known
        return series, known

    def find_status(self, scope: Scope, status: int) -> StatusSeries:
        """The series of a whole response; the fast path finds it the next time, if it may."""
        route = chosen(scope)
        series, known = self._find(scope, status, route)
        found = series.status_series(status, tracing=self.recorder.tracing)
        if known is not None and not known.by_endpoint and found is series.by_status.get(status):
            self.remember(scope.get("root_path", ""), route, found)
        return found


class RequestKeys:
    """The keys of one application in this process."""

    def __init__(self, recorder: Recorder, exclusions: Exclusions) -> None:
        self._recorder = recorder
        self._exclusions = exclusions
        self._by_root: dict[str, dict[tuple[str, str], RequestKey]] = {}
        recorder.on_renewal(self._renew)
        recorder.on_change(self._forget)

    def find(self, target: Target, scope: Scope) -> tuple[RequestKey, bool]:
        """The key of a request, and whether it is one of those that are found again."""
        name = target.method, target.scheme
        found = self._by_root.get(target.root_path, {}).get(name)
        if found is not None:
            return found, True
        self._recorder.labels.note_root(scope)
        key = RequestKey(target, self._recorder, self._exclusions)
        kept = (key.method, key.scheme) == name and len(self._by_root) < MOST_ROOTS
        if kept:  # another thread may have made the same: the first of them is found again
            key = self._by_root.setdefault(target.root_path, {}).setdefault(name, key)
        return key, kept

    def _each(self) -> Iterator[RequestKey]:
        for keys in list(self._by_root.values()):
            yield from list(keys.values())

    def _renew(self) -> None:
        for key in self._each():
            key.renew()

    def _forget(self) -> None:
        for key in self._each():
            key.forget()


def _after_fork() -> None:
    """In a forked child, no request is counted in the parent's file."""
    for key in list(_keys):
        key.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
