"""FastAPI's own telemetry as the oracle: what it says of each request, and what Sidelight counted.

Each application has an oracle of its own, in place of a MeterProvider. An application for which a
test configures telemetry by itself has none.
"""

from collections import Counter
from collections.abc import Mapping
from functools import wraps
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import pytest
from fastapi import FastAPI
from opentelemetry.metrics import Histogram, Meter, MeterProvider, NoOpMeter

from sidelight import SidelightMiddleware
from sidelight.asgi.lifecycle import StoreLifecycle
from sidelight.store.writer import WorkerFile
from sidelight.testing import metric_data

DURATION = "http_server_request_duration_seconds"


class Request(NamedTuple):
    """What both say of a request."""

    method: str
    route: str
    status: str


ATTRIBUTES = Request("http.request.method", "http.route", "http.response.status_code")
LABELS = Request("http_request_method", "http_route", "http_response_status_code")
Counts = Counter[Request]


class Difference(NamedTuple):
    """Requests that only Sidelight, or only the telemetry, has counted."""

    sidelight: list[tuple[Request, int]]
    telemetry: list[tuple[Request, int]]


class Oracle(MeterProvider):
    """Counts the requests of one application, as FastAPI's telemetry reports them."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app
        self._telemetry: Counts = Counter()
        self._compared: Counts = Counter()

    def get_meter(self, name: str, *args: Any, **options: Any) -> Meter:
        """The meter that FastAPI asks for."""
        return OracleMeter(name, self)

    def add(self, attributes: Mapping[str, Any]) -> None:
        """FastAPI reports one request."""
        self._telemetry[Request(*(str(attributes.get(name, "")) for name in ATTRIBUTES))] += 1
        _asked.add(self)

    def compare(self) -> tuple[int, Difference | None]:
        """The number of requests since the last time, and those that differ."""
        now = counted(self._app)
        sidelight, telemetry = now - self._compared, self._telemetry
        self._compared, self._telemetry = now, Counter()
        if sidelight == telemetry:
            return telemetry.total(), None
        only = sorted((sidelight - telemetry).items()), sorted((telemetry - sidelight).items())
        return telemetry.total(), Difference(*only)


_asked: set[Oracle] = set()
"""Those whose applications were requested since the last comparison; they are kept until then."""
_files: WeakKeyDictionary[StoreLifecycle, list[WorkerFile]] = WeakKeyDictionary()


class OracleMeter(NoOpMeter):
    """Has no instrument that keeps anything but the histogram of durations."""

    def __init__(self, name: str, oracle: Oracle) -> None:
        super().__init__(name)
        self._oracle = oracle

    def create_histogram(self, name: str, *args: Any, **options: Any) -> Histogram:
        """The one histogram of FastAPI's."""
        return OracleHistogram(name, self._oracle)


class OracleHistogram(Histogram):
    """Hands each request to its oracle."""

    def __init__(self, name: str, oracle: Oracle) -> None:
        self._oracle = oracle

    def record(
        self, amount: float, attributes: Mapping[str, Any] | None = None, context: Any = None
    ) -> None:
        """A request has ended."""
        self._oracle.add(attributes or {})


def install(patch: pytest.MonkeyPatch) -> None:
    """Give each new application an oracle, and remember the files that Sidelight opens."""
    construct, open_store = FastAPI.__init__, StoreLifecycle._open

    @wraps(construct)
    def with_oracle(app: FastAPI, *args: Any, **options: Any) -> None:
        if options.get("telemetry") is None:
            own = {"meter_provider": Oracle(app), "tracing": False, "logs": False}
            options["telemetry"] = own
        construct(app, *args, **options)

    @wraps(open_store)
    def remembered(lifecycle: StoreLifecycle, *args: Any) -> Any:
        opened = open_store(lifecycle, *args)
        files = _files.setdefault(lifecycle, [])
        if opened.recorder.file not in files:
            files.append(opened.recorder.file)
        return opened

    patch.setattr(FastAPI, "__init__", with_oracle)
    patch.setattr(StoreLifecycle, "_open", remembered)


def counted(app: FastAPI) -> Counts:
    """What Sidelight has counted of an application, read from its files as a scrape reads them."""
    found: Counts = Counter()
    lifecycle = _lifecycle(app)
    for file in _files.get(lifecycle, ()) if lifecycle else ():
        for labels, series in metric_data.read(file.name, file.fd)[DURATION].series.items():
            by_name = dict(labels)
            found[Request(*(by_name[name] for name in LABELS))] += series.count
    return +found


def _lifecycle(app: FastAPI) -> StoreLifecycle | None:
    part: Any = app.middleware_stack
    while part is not None and not isinstance(part, SidelightMiddleware):
        part = getattr(part, "app", None)
    return None if part is None else part.lifecycle


def compare() -> tuple[int, list[Difference]]:
    """The requests of all applications since the last time, and where the two differ."""
    results = [oracle.compare() for oracle in _asked]
    _asked.clear()
    return sum(number for number, _ in results), [found for _, found in results if found]
