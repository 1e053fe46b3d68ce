"""``rules check --against``: whether objectives fit what a running service shows."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from sidelight import SidelightMiddleware
from sidelight.doctor.finding import Finding
from sidelight.errors import SidelightError
from sidelight.slo import against
from tests.serving import serving
from tests.slo.made import service

SETTINGS = """
service = "shop"
[slo]
latency = "99% < 300ms"
[[slo.route]]
match = "POST /checkout"
latency = "99% < 1s"
"""


def page(folder: Path) -> str:
    """A real page of a service with these settings in its working directory."""
    app = FastAPI()

    @app.post("/checkout")
    def checkout() -> None: ...

    @app.get("/feed")
    def feed() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    @app.get("/orders/{order_id}")
    def order(order_id: int) -> None: ...

    app.add_middleware(SidelightMiddleware)
    with TestClient(app) as client:
        client.post("/checkout")
        client.get("/feed")
        client.get("/orders/1")
        return client.get("/metrics").text


def told(settings: str, text: str) -> list[Finding]:
    return list(against.check(service(settings), against.parse(text)))


@pytest.fixture
def shown(empty_folder: Path) -> str:
    """The page of a service that has read its objectives."""
    (empty_folder / "sidelight.toml").write_text(SETTINGS)
    return page(empty_folder)


def test_a_service_that_read_its_objectives(shown: str) -> None:
    """A latency is a bucket by itself, so there is nothing to say."""
    assert [one.level for one in told(SETTINGS, shown)] == ["ok"]


def test_a_latency_that_is_no_bucket(shown: str) -> None:
    """What the service does not have as a boundary is told, with the setting that mends it."""
    (found,) = told(SETTINGS.replace("300ms", "350ms"), shown)
    assert found.level == "fail"
    assert "slo.latency of 0.35s is no bucket" in found.what
    assert "buckets = [..., 0.35]" in found.mend


def test_a_route_that_does_not_exist(shown: str) -> None:
    """A misspelt route is told, with the one that was meant."""
    (found,) = told(SETTINGS.replace("/checkout", "/chekout"), shown)
    assert (found.level, found.what) == ("fail", "slo.route.match: no route POST /chekout")
    assert found.mend == 'match = "POST /checkout"'


def test_a_route_below_a_root_path(shown: str) -> None:
    """A route that is only known with a prefix is told the root_path to set."""
    (found,) = told(SETTINGS, shown.replace('http_route="/checkout"', 'http_route="/api/checkout"'))
    assert found.mend == 'root_path = "/api"'


def test_routes_that_were_never_asked(shown: str) -> None:
    """Known routes are on the page before their first request, and count as there."""
    assert (
        told(SETTINGS.replace("POST /checkout", "GET /orders/{order_id}"), shown)[0].level == "ok"
    )


def test_an_exclusion_that_excludes_nothing(shown: str) -> None:
    """It is a warning only: nothing depends on it."""
    text = SETTINGS.replace("[slo]", '[slo]\nexclude = ["/feed", "/orders/*", "GET /nothing"]')
    (found,) = told(text, shown)
    assert (found.level, found.what) == ("warn", "slo.exclude: no route GET /nothing")


def test_a_first_byte_of_what_does_not_stream(shown: str) -> None:
    """A route without streams has no first byte to judge by: that is told."""
    stream = SETTINGS.replace("POST /checkout", "GET /feed") + "first_byte = true\n"
    assert [one.level for one in told(stream, shown)] == ["ok"]
    (found,) = told(SETTINGS + "first_byte = true\n", shown)
    assert found.level == "warn"
    assert "POST /checkout has streamed nothing yet" in found.what


def test_both_spellings_of_a_bucket() -> None:
    """A page of another library, with le="1", has the bucket of 1s too."""
    line = (
        "http_server_request_duration_seconds_bucket"
        '{{http_request_method="POST",http_route="/checkout",le="{}"}} 1\n'
    )
    assert [one.level for one in told(SETTINGS, line.format("0.3") + line.format("1"))] == ["ok"]


def test_a_page_of_something_else() -> None:
    """A page without requests is no page to compare with."""
    (found,) = told(SETTINGS, "# HELP up x\nup 1\n")
    assert found.level == "fail"


class Page(BaseHTTPRequestHandler):
    """Answers those who have the token."""

    def do_GET(self) -> None:
        known = self.headers.get("Authorization") == "Bearer secret"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(b"up 1\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its own name
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """A server of that page."""
    with serving(Page) as port:
        yield f"http://127.0.0.1:{port}/metrics"


def test_a_page_is_fetched(address: str) -> None:
    """A page at an address is read, with the token if it asks for one."""
    assert against.load(address, "secret") == "up 1\n"


def test_what_can_not_be_read(address: str, tmp_path: Path) -> None:
    """A refused or missing page is one line that names the option."""
    for source in (address, "http://127.0.0.1:1/metrics", str(tmp_path / "none"), str(tmp_path)):
        with pytest.raises(SidelightError, match=r"^--against .* for example --against http"):
            against.load(source)
