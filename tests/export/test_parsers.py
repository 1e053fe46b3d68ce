"""What prometheus_client's own parsers read from a page."""

import math
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sidelight import SidelightMiddleware
from sidelight.contract import METRICS
from tests.asgi.driver import call

client = pytest.importorskip("prometheus_client")
parser = pytest.importorskip("prometheus_client.parser")
openmetrics = pytest.importorskip("prometheus_client.openmetrics.parser")
pytestmark = pytest.mark.usefixtures("registry")

OPENMETRICS = {"accept": "application/openmetrics-text;version=1.0.0"}
# These change by themselves from one scrape to the next.
RESTLESS = ("process_", "python_gc_", "sidelight_scrape_", "sidelight_worker_heartbeat")


async def plain(request: Any) -> PlainTextResponse:
    return PlainTextResponse("x")


def service(**options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/items/{x}")
    async def item(x: str) -> str:
        return x

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    app.add_middleware(SidelightMiddleware, **options)
    return app


def values(families: Any) -> dict[Any, float]:
    found: dict[Any, float] = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in found, f"twice: {key}"
            if not sample.name.startswith(RESTLESS):
                found[key] = sample.value
    return found


def both(app: Any) -> tuple[dict[Any, float], dict[Any, float]]:
    text = call(app, "GET", "/metrics").text
    open_text = call(app, "GET", "/metrics", headers=OPENMETRICS).text
    return (
        values(parser.text_string_to_metric_families(text)),
        values(openmetrics.text_string_to_metric_families(open_text)),
    )


def test_both_formats_have_the_same_values() -> None:
    """Both parsers read their format, and find the same samples with the same values."""
    app = service(slow_request_threshold=1e-9)
    for path in ("/items/1", "/items/2", "/broken", "/nowhere"):
        call(app, "GET", path)
    text, open_text = both(app)
    assert text == open_text
    assert len(text) > 50


def test_openmetrics_families_have_units() -> None:
    """In OpenMetrics each family's unit is the one its name ends in."""
    app = service()
    call(app, "GET", "/items/1")
    text = call(app, "GET", "/metrics", headers=OPENMETRICS).text
    for family in openmetrics.text_string_to_metric_families(text):
        metric = METRICS.get(family.name) or METRICS.get(family.name + "_total")
        metric = metric or METRICS[family.name + "_info"]
        assert family.unit == (metric.unit if family.name.endswith("_" + metric.unit) else "")
        assert family.documentation == metric.help


HOSTILE = [
    '/quo"te',
    "/back\\slash",
    "/back\\\\n",
    "/new\nline",
    "/carriage\rreturn",
    "/tab\there",
    "/per%cent%s%d%%",
    "/é/日本",
    "/sep\u2028para\u2029\x85",
    "/brace{x}}{",
    '/comma,equals="le"',
    "/nul\0nul",
    "/# HELP",
    "/\x1c\x1d\x1e\x0b\x0c",
    "/ trailing ",
    "/bell\x07",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_templates(path: str) -> None:
    """Whatever stands in a template, both pages can be read, and the label is what it was."""
    if "{x}" in path:
        path = path.replace("}}{", "}|")
    app = FastAPI(openapi_url=None)
    app.router.routes.append(Route(path, plain))
    app.add_middleware(SidelightMiddleware)
    wanted = path.replace("{x}", "1")
    assert call(app, "GET", wanted, scope={"raw_path": b"/hostile"}).status == 200
    text, open_text = both(app)
    assert text == open_text
    routes = {
        dict(labels)["http_route"]
        for (name, labels), value in text.items()
        if name == "http_server_request_duration_seconds_count" and value
    }
    assert {route.replace("\N{REPLACEMENT CHARACTER}", "\0") for route in routes} <= {
        path,
        path.replace("\0", ""),
    }


def test_hostile_class_names() -> None:
    """An exception whose class has any name is one series that both parsers read."""
    app = FastAPI(openapi_url=None)
    name = 'A"b\\c\nd,e="f"}'

    @app.get("/broken")
    async def broken() -> None:
        raise type(name, (Exception,), {})

    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/broken")
    text, open_text = both(app)
    assert text == open_text
    labels = frozenset({("http_route", "/broken"), ("error_type", name)})
    assert text["fastapi_exceptions_total", labels] == 1


# --- exemplars ---


def small(**options: Any) -> Starlette:
    """A service that makes no spans of its own."""
    app = Starlette(routes=[Route("/items/{x}", plain)])
    app.add_middleware(SidelightMiddleware, **options)
    return app


class Spans:
    """A provider of OpenTelemetry's SDK, current for as long as a test runs."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        trace = pytest.importorskip("opentelemetry.trace")
        sdk = pytest.importorskip("opentelemetry.sdk.trace")
        self.trace = trace
        self.provider = sdk.TracerProvider()
        patch.setattr(trace, "_TRACER_PROVIDER", self.provider)
        self.tracer = self.provider.get_tracer("test")
        self.ids: list[str] = []

    def around(self, app: Any, *, recording: bool = True) -> Any:
        async def wrapped(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["path"] == "/metrics" or not recording:
                await app(scope, receive, send)
                return
            with self.tracer.start_as_current_span("request") as span:
                self.ids.append(f"{span.get_span_context().trace_id:032x}")
                await app(scope, receive, send)

        return wrapped


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Spans that are shut down again."""
    found = Spans(monkeypatch)
    yield found
    found.provider.shutdown()


def exemplars(app: Any) -> list[tuple[str, str, float]]:
    text = call(app, "GET", "/metrics", headers=OPENMETRICS).text
    return [
        (sample.name, sample.exemplar.labels["trace_id"], sample.exemplar.value)
        for family in openmetrics.text_string_to_metric_families(text)
        for sample in family.samples
        if sample.exemplar
    ]


def test_exemplars_of_a_recording_span(spans: Spans) -> None:
    """A request in a recording span is an exemplar on its bucket, in OpenMetrics only."""
    app = spans.around(small())
    call(app, "GET", "/items/1")
    ((name, trace_id, value),) = exemplars(app)
    assert name == "http_server_request_duration_seconds_bucket"
    assert trace_id == spans.ids[0]
    assert 0 < value < 10
    assert spans.ids[0] not in call(app, "GET", "/metrics").text


def test_exemplars_of_slow_requests(spans: Spans) -> None:
    """A slow request in a recording span is an exemplar on the slow counter too."""
    app = spans.around(small(slow_request_threshold=1e-9))
    call(app, "GET", "/items/1")
    found = {name: trace_id for name, trace_id, _ in exemplars(app)}
    assert found["fastapi_slow_requests_total"] == spans.ids[0]


def test_the_newest_exemplar_stays(spans: Spans) -> None:
    """Of several requests in one bucket the newest is the exemplar."""
    app = spans.around(small())
    for number in range(5):
        call(app, "GET", f"/items/{number}")
    found = {trace_id for _, trace_id, _ in exemplars(app)}
    assert spans.ids[-1] in found


def test_no_exemplar_without_a_span(spans: Spans) -> None:
    """A provider alone, or a span that isn't recording, makes no exemplar."""
    app = spans.around(small(slow_request_threshold=1e-9), recording=False)
    call(app, "GET", "/items/1")
    assert exemplars(app) == []


def test_an_exemplar_is_in_its_bucket(spans: Spans) -> None:
    """An exemplar's value lies in the bucket it stands on."""
    app = spans.around(small())
    for number in range(20):
        call(app, "GET", f"/items/{number}")
    text = call(app, "GET", "/metrics", headers=OPENMETRICS).text
    checked = 0
    for family in openmetrics.text_string_to_metric_families(text):
        below = -math.inf
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                continue
            bound = float(sample.labels["le"])
            if sample.exemplar:
                checked += 1
                assert sample.exemplar.value <= bound
                assert sample.exemplar.value > below or bound < below
            below = bound
    assert checked >= 1
