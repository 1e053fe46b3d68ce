"""A scrape target whose labels contain HTML, script and quotes."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.serving import serving

HOSTILE = """/<img src=x onerror="window.hit=1">'\\{{constructor.constructor('window.hit=1')()}}"""
BUCKETS = ("0.1", "1.0", "+Inf")


def page(number: int) -> str:
    """Requests and exceptions of the hostile route, more at each scrape."""
    route = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    labels = f'http_request_method="GET",http_route="{route}",url_scheme="http"'
    status = 'http_response_status_code="200",error_type=""'
    name, count = "http_server_request_duration_seconds", 10 * number
    lines = [f"# TYPE {name} histogram"]
    lines += [f'{name}_bucket{{{labels},{status},le="{edge}"}} {count}' for edge in BUCKETS]
    lines += [f"{name}_{part}{{{labels},{status}}} {count}" for part in ("sum", "count")]
    lines += ["# TYPE fastapi_exceptions counter"]
    lines += [f'fastapi_exceptions_total{{http_route="{route}",error_type="{route}"}} {count}']
    return "\n".join([*lines, "# EOF", ""])


@contextmanager
def hostile_target() -> Iterator[int]:
    """Serve a page with hostile labels. Yields the port."""
    numbers = itertools.count(1)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = page(next(numbers)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(Handler) as port:
        yield port
