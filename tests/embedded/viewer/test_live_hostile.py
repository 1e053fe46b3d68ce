"""Hostile labels are shown as text."""

import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboards.stack import prometheus
from tests.embedded.viewer.browsing import Reader, Viewer, context
from tests.live.prometheus import query
from tests.live.servers import eventually
from tests.serving import serving

pytestmark = [
    pytest.mark.live,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("browser"),
    pytest.mark.skipif(sys.platform != "linux", reason="starts servers that need Linux's /proc"),
]

HOSTILE = """/<img src=x onerror="window.hit=1">'\\{{constructor.constructor('window.hit=1')()}}"""
NOW = "?from=now-5m&to=now&refresh="
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
def hostile() -> Iterator[int]:
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


def refreshed(reader: Reader) -> dict[str, str]:
    reader.refresh()
    return reader.kinds()


def test_a_hostile_label_is_text(tmp_path: Path, browser: Browser) -> None:
    """A route of HTML, script and quotes is shown as text everywhere, and can be selected."""
    with (
        hostile() as scraped,
        prometheus({"shop": [scraped]}, tmp_path) as port,
        Viewer(tmp_path, "--prometheus", f"http://127.0.0.1:{port}") as viewer,
        context(browser) as shared,
        Reader(shared, viewer) as reader,
    ):
        eventually(lambda: query(port, "route_class:http_server_requests:rate5m > 0"))
        reader.open(f"/d/sidelight-service{NOW}")
        link = reader.panel("Routes by share of time").get_by_role("link", name=HOSTILE)
        expect(link).to_have_text(HOSTILE)
        link.click()
        reader.page.wait_for_url("**/d/sidelight-route?**")
        reader.wait_until_loaded()
        assert float(reader.stat("Requests").split()[0]) > 0
        chip = reader.page.locator('[data-picker="route"] .sl-chip')
        expect(chip.locator("b")).to_have_text(HOSTILE)
        chip.click()
        expect(reader.page.get_by_role("option", name=HOSTILE)).to_be_visible()
        reader.page.keyboard.press("Escape")
        eventually(lambda: refreshed(reader)["Exceptions"] == "chart")
        expect(reader.panel("Exceptions").locator(".sl-legend button")).to_have_text(HOSTILE)
        reader.hover("Exceptions")
        expect(reader.page.locator(".sl-tip")).to_contain_text(HOSTILE)
        assert reader.page.evaluate("[window.hit, document.images.length]") == [None, 0]
        assert reader.problems == []
