"""Pages of a service that has one histogram: with classic buckets, or with native ones as well."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Final

from starlette.datastructures import Headers

from sidelight import client_model
from sidelight.client_model import NativeBuckets
from sidelight.export.negotiation import wanted_format
from sidelight.text_format import ExpositionFormat
from tests.serving import serving

NATIVE_PATH: Final = "/native"
"""Here the histogram has native buckets, in protobuf. Everywhere else it has classic ones only."""
NATIVE: Final = NativeBuckets(3, 2**-13, 0, [(-27, 1), (39, 1)], [1, 0])
"""The same two requests: one took at most 2^(-27/8) seconds, 0.096, and one 2^(13/8), 3.08."""
TEXT: Final = b"""\
# TYPE sidelight_build_info gauge
sidelight_build_info 1
# TYPE fastapi_slow_requests_total counter
fastapi_slow_requests_total{http_route="/"} 0
# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_route="/",le="0.1"} 1
http_server_request_duration_seconds_bucket{http_route="/",le="+Inf"} 2
http_server_request_duration_seconds_sum{http_route="/"} 3.09
http_server_request_duration_seconds_count{http_route="/"} 2
"""


def protobuf(native: NativeBuckets | None) -> bytes:
    """What the text has, and native buckets."""
    route = client_model.label_pairs([("http_route", "/")])
    build_info, slow = client_model.gauge(1), client_model.counter(0)
    histogram = client_model.histogram([1, 2], 3.09, (0.1, float("inf")), native=native)
    return b"".join(
        client_model.family(name, kind, "", "", [client_model.metric(labels, value)])
        for name, kind, labels, value in (
            ("sidelight_build_info", "gauge", b"", build_info),
            ("fastapi_slow_requests_total", "counter", route, slow),
            ("http_server_request_duration_seconds", "histogram", route, histogram),
        )
    )


class _Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        asked = Headers({"accept": self.headers.get("Accept", "")})
        form, body = ExpositionFormat.TEXT, TEXT
        if wanted_format(asked).form is ExpositionFormat.PROTOBUF:
            form = ExpositionFormat.PROTOBUF
            body = protobuf(NATIVE if self.path == NATIVE_PATH else None)
        self.send_response(200)
        self.send_header("Content-Type", form.value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


@contextmanager
def pages() -> Iterator[int]:
    """The port of a server of these pages, in the format that is asked for."""
    with serving(_Pages) as port:
        yield port
