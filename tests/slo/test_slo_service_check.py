"""``rules check --against``: the check of objectives against a running service's metrics."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.error import HTTPError

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from fastapi.testclient import TestClient

from sidelight import SidelightMiddleware
from sidelight.doctor.finding import Finding
from sidelight.errors import SettingsError, SidelightError
from sidelight.slo import service_check
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


def metrics() -> str:
    """The /metrics of a real service that runs in the working directory."""
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


def findings(settings: str, text: str) -> list[Finding]:
    return list(service_check.check(service(settings), service_check.parse(text)))


@pytest.fixture
def shown(empty_folder: Path) -> str:
    """The metrics of a service that has read its objectives."""
    (empty_folder / "sidelight.toml").write_text(SETTINGS)
    return metrics()


def test_a_service_that_read_its_objectives(shown: str) -> None:
    """Each latency is a bucket, so there is no problem."""
    assert [one.level for one in findings(SETTINGS, shown)] == ["ok"]


def test_a_latency_that_is_no_bucket(shown: str) -> None:
    """A latency that is no bucket boundary fails, with the setting that fixes it."""
    (found,) = findings(SETTINGS.replace("300ms", "350ms"), shown)
    assert found.level == "fail"
    assert "slo.latency: 0.35s is no bucket" in found.what
    assert "buckets = [..., 0.35]" in found.fix


def test_a_route_that_does_not_exist(shown: str) -> None:
    """A misspelt route fails, with the route that was probably meant."""
    (found,) = findings(SETTINGS.replace("/checkout", "/chekout"), shown)
    assert (found.level, found.what) == ("fail", "slo.route.match: there is no route POST /chekout")
    assert found.fix == 'match = "POST /checkout"'


def test_a_route_in_another_case(shown: str) -> None:
    """A route of which only the case is wrong fails with the right one, at once or in the check."""
    with pytest.raises(SettingsError) as caught:
        service(SETTINGS.replace("POST /checkout", "post /checkout"))
    assert "a route is 'METHOD /template', did you mean 'POST /checkout'?" in str(caught.value)
    (found,) = findings(SETTINGS.replace("/checkout", "/Checkout"), shown)
    assert found.fix == 'match = "POST /checkout"'


def test_a_route_below_a_root_path(shown: str) -> None:
    """A route that only exists below a prefix fails, with the root_path to set."""
    (found,) = findings(
        SETTINGS, shown.replace('http_route="/checkout"', 'http_route="/api/checkout"')
    )
    assert found.fix == 'root_path = "/api"'


def test_routes_without_requests(shown: str) -> None:
    """The metrics have each route before its first request, so it is known."""
    assert (
        findings(SETTINGS.replace("POST /checkout", "GET /orders/{order_id}"), shown)[0].level
        == "ok"
    )


def test_an_exclusion_that_excludes_nothing(shown: str) -> None:
    """An exclusion that matches no route is a warning only."""
    text = SETTINGS.replace("[slo]", '[slo]\nexclude = ["/feed", "/orders/*", "GET /nothing"]')
    (found,) = findings(text, shown)
    assert (found.level, found.what) == ("warn", "slo.exclude: there is no route GET /nothing")


def test_a_first_byte_of_what_does_not_stream(shown: str) -> None:
    """A route that has streamed nothing has no first-byte metrics, which is a warning."""
    stream = SETTINGS.replace("POST /checkout", "GET /feed") + "first_byte = true\n"
    assert [one.level for one in findings(stream, shown)] == ["ok"]
    (found,) = findings(SETTINGS + "first_byte = true\n", shown)
    assert found.level == "warn"
    assert "POST /checkout has streamed no response yet" in found.what


def test_both_spellings_of_a_bucket() -> None:
    """Metrics of another library, with le="1", have the bucket of 1s too."""
    line = (
        "http_server_request_duration_seconds_bucket"
        '{{http_request_method="POST",http_route="/checkout",le="{}"}} 1\n'
    )
    assert [one.level for one in findings(SETTINGS, line.format("0.3") + line.format("1"))] == [
        "ok"
    ]


def test_openmetrics_with_exemplars() -> None:
    """Exemplars and escaped label values do not keep a bucket from being found."""
    line = (
        "http_server_request_duration_seconds_bucket"
        '{{http_request_method="POST",x="a\\"b}}",http_route="/checkout",le="{}"}} 1'
        ' # {{trace_id="1"}} 0.2\n'
    )
    text = line.format("0.3") + line.format("1.0") + "# EOF\n"
    assert [one.level for one in findings(SETTINGS, text)] == ["ok"]


def test_broken_metrics() -> None:
    """A line that can't be parsed is an error, not a finding."""
    with pytest.raises(SidelightError, match="can't be read"):
        service_check.parse('http_server_request_duration_seconds_bucket{le="1} x\n')


def test_metrics_without_requests() -> None:
    """Metrics that have no requests fail the check."""
    (found,) = findings(SETTINGS, "# HELP up x\nup 1\n")
    assert found.level == "fail"
    assert found.fix == "send the service a request first, or give the address of its /metrics"


class MetricsHandler(BaseHTTPRequestHandler):
    """Answers requests that have the token."""

    def do_GET(self) -> None:
        allowed = self.headers.get("Authorization") == "Bearer secret"
        self.send_response(200 if allowed else 401)
        self.end_headers()
        self.wfile.write(b"up 1\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 its own name
        pass


@pytest.fixture
def address() -> Iterator[str]:
    """A server with these metrics."""
    with serving(MetricsHandler) as port:
        yield f"http://127.0.0.1:{port}/metrics"


def test_metrics_are_fetched(address: str) -> None:
    """Metrics at a URL are read, with the token if one is required."""
    assert service_check.load(address, "secret") == "up 1\n"


def test_what_can_not_be_read(address: str, tmp_path: Path) -> None:
    """A refused or missing source is an error in one line that names the option."""
    for source in ("http://127.0.0.1:1/metrics", str(tmp_path / "none"), str(tmp_path)):
        with pytest.raises(SidelightError, match=r"^--against .* for example --against http"):
            service_check.load(source)


def test_a_token_that_is_missing_or_wrong(address: str, tmp_path: Path) -> None:
    """Metrics that need a token are told from those that are missing."""
    refused = f"--against {address!r}: the answer is 401 Unauthorized: "
    example = "; for example --token-file /run/secrets/sidelight_token"
    for token, wanted in ((None, "a bearer token is needed"), ("no", "the token is another one")):
        with pytest.raises(SidelightError) as caught:
            service_check.load(address, token)
        assert str(caught.value) == refused + wanted + example


def test_a_refused_request_is_closed(address: str) -> None:
    """The response to a refused request is closed, and leaves no socket open."""
    with pytest.raises(SidelightError) as caught:
        service_check.load(address)
    assert isinstance(caught.value.__cause__, HTTPError)
    assert caught.value.__cause__.closed
