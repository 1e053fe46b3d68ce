"""An OTLP/HTTP collector for tests: it decodes what arrives, and answers as it is told."""

import gzip
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import DataPointFlags, Metric

from tests.serving import serving

UNPACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


Series = tuple[str, frozenset[tuple[str, Any]]]
"""A metric's name, and attributes."""


@dataclass
class Received:
    """One request: its path, its headers in small letters, the values it carried."""

    path: str
    headers: dict[str, str]
    request: ExportMetricsServiceRequest

    @property
    def resource(self) -> dict[str, Any]:
        (only,) = self.request.resource_metrics
        return attributes(only.resource)

    @property
    def metrics(self) -> dict[str, Any]:
        """Metrics by name; there is one resource, one scope, and no name twice."""
        (only,) = self.request.resource_metrics
        (scope,) = only.scope_metrics
        found = {metric.name: metric for metric in scope.metrics}
        assert len(found) == len(scope.metrics)
        return found


def points(metric: Metric) -> Any:
    """The data points of a metric."""
    return getattr(metric, metric.WhichOneof("data") or "").data_points


def series_in(request: ExportMetricsServiceRequest) -> list[Series]:
    """Each series of a request."""
    return [
        (metric.name, frozenset(attributes(point).items()))
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in points(metric)
    ]


def without_ends(
    request: ExportMetricsServiceRequest,
) -> tuple[ExportMetricsServiceRequest, ExportMetricsServiceRequest]:
    """The values of a request, and the ends of series, which have resources of their own."""
    values, ends = ExportMetricsServiceRequest(), ExportMetricsServiceRequest()
    for resource in request.resource_metrics:
        flags = {
            point.flags
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in points(metric)
        }
        assert flags <= {0} or flags == {DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK}
        (values if flags <= {0} else ends).resource_metrics.append(resource)
    return values, ends


def attributes(holder: Any) -> dict[str, Any]:
    """A resource's or a point's attributes; none is there twice."""
    found = {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in holder.attributes
    }
    assert len(found) == len(holder.attributes)
    return found


@dataclass
class Receiver:
    """A collector on a port of 127.0.0.1; 0 finds a free one. Use it as a context.

    ``arrived`` are the requests that had values; ``ended`` are the series that requests ended.
    """

    port: int = 0
    status: int = 200
    arrived: list[Received] = field(default_factory=list)
    ended: list[Series] = field(default_factory=list)
    tries: int = 0
    hold: threading.Event = field(default_factory=threading.Event)
    """Answers wait for it. It is set, unless a test clears it."""

    def __post_init__(self) -> None:
        self._more = threading.Condition()
        self.hold.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"receiver": self})
        self._server = ExitStack()
        self.port = self._server.enter_context(serving(handler, self.port))
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._server.close()

    def tried(self, received: Received) -> int:
        """Take a request; the status of the answer."""
        with self._more:
            status = self.status
            self.tries += 1
            self._more.notify_all()
        self.hold.wait()
        with self._more:
            if status == 200:
                received.request, ends = without_ends(received.request)
                self.ended += series_in(ends)
                if received.request.resource_metrics or not ends.resource_metrics:
                    self.arrived.append(received)
            self._more.notify_all()
        return status

    def wait(self, *, arrived: int = 0, tries: int = 0, timeout: float = 20.0) -> None:
        """Until so many requests were taken, or tried."""
        with self._more:
            assert self._more.wait_for(
                lambda: len(self.arrived) >= arrived and self.tries >= tries, timeout
            ), (len(self.arrived), self.tries)


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        unpack = UNPACKED.get(self.headers.get("content-encoding", ""), bytes)
        request = ExportMetricsServiceRequest.FromString(unpack(body))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status = self.receiver.tried(Received(self.path, headers, request))
        answer = ExportMetricsServiceResponse().SerializeToString() if status == 200 else b""
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nothing: the test says what it finds."""


@contextmanager
def down(receiver: Receiver) -> Iterator[None]:
    """Take a running collector down for a while; it comes back on the same port."""
    receiver.__exit__()
    try:
        yield
    finally:
        receiver.__enter__()
