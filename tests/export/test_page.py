"""``GET /metrics``: who gets it, in which format, and what it never touches."""

import gzip
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from sidelight import SidelightMiddleware
from sidelight.contract import METRICS
from tests.asgi.driver import Page, ask, call, run, scrape
from tests.export import accept_headers

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)


def service(**options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/items/{x}")
    async def item(x: str) -> str:
        return x

    @app.post("/metrics")
    async def posted() -> str:
        return "posted"

    app.add_middleware(SidelightMiddleware, **options)
    return app


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("text/plain", TEXT),
        ("text/html,application/xhtml+xml,*/*;q=0.8", TEXT),
        ("application/openmetrics-text", OPENMETRICS),
        ("APPLICATION/OpenMetrics-Text; Version=1.0.0", OPENMETRICS),
        (accept_headers.PROMETHEUS_2, OPENMETRICS),
        (accept_headers.PROMETHEUS_3, OPENMETRICS + "; escaping=allow-utf-8"),
        (accept_headers.PROMETHEUS_2_NATIVE, PROTOBUF),
        (accept_headers.PROMETHEUS_3_NATIVE, PROTOBUF + "; escaping=allow-utf-8"),
        (accept_headers.PROMETHEUS_3_ONLY_PROTOBUF, PROTOBUF),
        (accept_headers.VICTORIA_METRICS, TEXT),
        ("text/plain;version=1.0.0;escaping=underscores", TEXT + "; escaping=underscores"),
        ("text/plain;version=1.0.0; escaping=unknown", TEXT),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS),
        ("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1", TEXT),
        ("application/openmetrics-text;q=0", TEXT),
        ("application/openmetrics-text;q=nonsense", TEXT),
        ("application/openmetrics-text;version=9.0.0", TEXT),
        (";;;,,,=;q", TEXT),
    ],
)
def test_format_is_what_the_client_prefers(accept: str | None, expected: str) -> None:
    """The format follows Accept, and text 0.0.4 is for all who don't know better."""
    headers = {} if accept is None else {"accept": accept}
    answer = call(service(), "GET", "/metrics", headers=headers)
    assert (answer.status, answer.headers["content-type"]) == (200, expected)
    assert answer.body.endswith(b"# EOF\n") == expected.startswith(OPENMETRICS)
    assert "accept" in answer.headers["vary"].lower()
    assert answer.headers["content-length"] == str(len(answer.body))


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("GZIP;q=0.5", True),
        ("*", True),
        ("*;q=0, gzip", True),
        ("deflate, gzip;q=1.0, *;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_where_it_is_taken(*, accepted: str, packed: bool) -> None:
    """A client that takes gzip gets gzip, and the same page in it; others don't."""
    app = service()
    answer = call(app, "GET", "/metrics", headers={"accept-encoding": accepted})
    assert ("content-encoding" in answer.headers) == packed
    text = gzip.decompress(answer.body) if packed else answer.body
    assert b"# TYPE sidelight_build_info gauge\n" in text
    assert answer.headers["content-length"] == str(len(answer.body))


def test_head_has_the_same_headers() -> None:
    """HEAD is answered like GET."""
    app = service()
    answer = call(app, "HEAD", "/metrics")
    assert (answer.status, answer.headers["content-type"]) == (200, TEXT)
    assert scrape(app).requests == {}


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (None, 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        ("Bearer wrong", 401),
        ("Bearer s3cret ", 200),
        ("Bearer s3cret2", 401),
        ("Basic s3cret", 401),
        ("s3cret", 401),
        ("Bearer S3CRET", 401),
        ("Bearer s3cret", 200),
        ("bearer s3cret", 200),
        ("Bearer é", 401),
    ],
)
def test_a_token_guards_the_page(given: str | None, status: int) -> None:
    """Without the right bearer token the page is a 401 that tells nothing."""
    app = service(metrics_token="s3cret")
    headers = {} if given is None else {"authorization": given}
    for method in ("GET", "HEAD"):
        answer = call(app, method, "/metrics", headers=headers)
        assert answer.status == status
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "sidelight_" not in answer.text


def test_other_methods_go_to_the_application() -> None:
    """Sidelight answers GET and HEAD only; the application answers other methods, unmeasured."""
    app = service()
    assert call(app, "POST", "/metrics").body == b'"posted"'
    assert call(app, "DELETE", "/metrics").status == 405
    assert scrape(app).requests == {}


@pytest.mark.parametrize("path", ["/metrics/", "/metrics/x", "/Metrics", "/metricsx", "//metrics"])
def test_only_that_path(path: str) -> None:
    """A path that only looks like the page's is the application's."""
    app = service()
    answer = call(app, "GET", path)
    assert b"sidelight_" not in answer.body
    assert sum(scrape(app).requests.values()) == 1


def test_no_page() -> None:
    """With metrics_path=None there is no page, and the path is measured like any other."""
    app = service(metrics_path=None)
    assert call(app, "GET", "/metrics").status == 405
    assert call(app, "POST", "/metrics").status == 200


def test_another_path() -> None:
    """The page is where metrics_path says, and nowhere else."""
    app = service(metrics_path="/internal/sidelight")
    assert call(app, "GET", "/metrics").status == 405
    page = call(app, "GET", "/internal/sidelight").page
    assert page.requests == {("GET", "/metrics", "405", ""): 1}


def _own(request: Any = None) -> PlainTextResponse:
    return PlainTextResponse("my own")


async def _own_async(request: Any) -> PlainTextResponse:
    return PlainTextResponse("my own")


def _by_route(app: FastAPI) -> None:
    app.get("/metrics")(lambda: "my own")


def _by_router(app: FastAPI) -> None:
    router = APIRouter()
    router.get("/metrics")(lambda: "my own")
    app.include_router(router)


def _by_plain_route(app: FastAPI) -> None:
    app.router.routes.append(Route("/metrics", _own_async))


def _by_mount(app: FastAPI) -> None:
    app.mount("/metrics", Starlette(routes=[Route("/", _own_async), Route("/{x}", _own_async)]))


@pytest.mark.parametrize("add", [_by_route, _by_router, _by_plain_route, _by_mount])
def test_an_applications_own_route_wins(add: Any, logged: pytest.LogCaptureFixture) -> None:
    """An application's own route at that path stays, is measured, and is logged once."""
    app = FastAPI(openapi_url=None)
    add(app)
    app.add_middleware(SidelightMiddleware)
    for _ in range(3):
        answer = call(app, "GET", "/metrics" if add is not _by_mount else "/metrics/")
        assert b"my own" in answer.body
    assert len([r for r in logged.records if "metrics_path" in r.getMessage()]) == 1


def test_an_applications_own_post_is_no_page() -> None:
    """An application's route for another method does not replace the metrics."""
    assert scrape(service()).value("sidelight_build_info") == 1


def test_a_catch_all_leaves_the_page_ours() -> None:
    """A route for every path is no page of the application's own."""
    app = FastAPI(openapi_url=None)

    @app.get("/{rest:path}")
    async def rest(rest: str) -> str:
        return rest

    app.add_middleware(SidelightMiddleware)
    assert scrape(app).value("sidelight_build_info") == 1


def test_scrapes_are_not_measured() -> None:
    """A scrape is no request, is never in flight, and has no size."""
    app = service()
    for _ in range(3):
        page = scrape(app)
    assert page.requests == {}
    assert page.value("http_server_active_requests") == 0
    assert page.series("http_server_response_body_size_bytes_count") == []


@pytest.mark.parametrize(
    ("exclude", "measured"),
    [
        ([], ["/items/1", "/items/2", "/health", "/health/deep"]),
        (["/items/1"], ["/items/2", "/health", "/health/deep"]),
        (["/items/*"], ["/health", "/health/deep"]),
        (["/health", "/items/*"], ["/health/deep"]),
        (["/health/*"], ["/items/1", "/items/2", "/health"]),
        (["/*"], []),
    ],
)
@pytest.mark.parametrize("root", ["", "/api"])
def test_what_is_excluded(exclude: list[str], measured: list[str], root: str) -> None:
    """An exact path leaves out itself, a prefix what is below; below a root_path as well."""
    app = service(exclude=exclude)
    for path in ("/items/1", "/items/2", "/health", "/health/deep"):
        expected = 200 if "items" in path else 404
        assert call(app, "GET", root + path, scope={"root_path": root}).status == expected
    page = scrape(app, scope={"root_path": root})
    assert sum(page.requests.values()) == len(measured)


@pytest.mark.parametrize(
    ("path", "root"),
    [("/api/metrics", "/api"), ("/metrics", "/api"), ("/api/metrics", "/api/"), ("/metrics", "")],
)
def test_below_a_root_path(path: str, root: str) -> None:
    """The page is below root_path, whether a proxy cut it off or not."""
    app = service()
    assert call(app, "GET", path, scope={"root_path": root}).page.value("sidelight_workers") == 1


def test_names_are_the_contracts() -> None:
    """Every name on the page is one of the contract's, and no name stands there twice."""
    app = service(slow_request_threshold=1e-9)
    call(app, "GET", "/items/1")
    page = scrape(app)
    same = ("counter", "gauge", "histogram", "summary")  # the last is of what the process watches
    kinds = {**{kind: kind for kind in same}, "info": "gauge"}
    for name, kind in page.families.items():
        assert kinds[METRICS[name].kind] == kind
    for name in page.names:
        base = name
        for suffix in ("_bucket", "_sum", "_count"):
            if name.removesuffix(suffix) in page.families:
                base = name.removesuffix(suffix)
        assert base in METRICS


def test_labels_are_the_contracts() -> None:
    """Every series has exactly its metric's labels, and le where it is a bucket."""
    app = service(slow_request_threshold=1e-9)
    call(app, "GET", "/items/1")
    for name, labels in scrape(app).samples:
        found = {key for key, _ in labels}
        if name in METRICS:
            assert found == set(METRICS[name].labels), name
        else:
            family, _, suffix = name.rpartition("_")
            assert found - {"le"} == set(METRICS[family].labels), name
            assert ("le" in found) == (suffix == "bucket"), name


def test_boundaries_are_written_as_floats() -> None:
    """A boundary of one second is 1.0 in both formats, so that Prometheus 2 and 3 agree."""
    app = service()
    call(app, "GET", "/items/1")
    for accept in (TEXT, OPENMETRICS):
        text = call(app, "GET", "/metrics", headers={"accept": accept}).text
        assert 'le="1.0"' in text
        assert 'le="1"' not in text
        assert 'le="+Inf"' in text
        assert "_created" not in text


def test_zero_before_the_first() -> None:
    """Once a request was seen, each known route is at zero for status 500 and for slow requests."""
    app = FastAPI(openapi_url=None)
    app.api_route("/both", methods=["GET", "POST"])(_own)
    app.get("/items/{x}")(_own)
    app.router.routes.append(Route("/plain/{y:int}", _own_async))
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/nowhere", scope={"scheme": "https"})
    page = scrape(app, scope={"scheme": "https"})
    zeros = page.series(
        "http_server_request_duration_seconds_count",
        http_response_status_code="500",
        error_type="500",
        url_scheme="https",
    )
    expected = {("GET", "/both"), ("POST", "/both"), ("GET", "/items/{x}"), ("GET", "/plain/{y}")}
    assert {(z["http_request_method"], z["http_route"]) for z in zeros} == expected
    slow = page.series("fastapi_slow_requests_total")
    assert {(z["http_request_method"], z["http_route"]) for z in slow} == expected
    assert page.value("fastapi_slow_requests_total") == 0
    assert page.requests == {("GET", "", "404", ""): 1}


def test_zeros_below_a_root_path() -> None:
    """Zeros have the root_path that requests have."""
    app = service()
    call(app, "GET", "/api/items/1", scope={"root_path": "/api"})
    page = scrape(app, scope={"root_path": "/api"})
    (slow,) = page.series("fastapi_slow_requests_total", http_request_method="GET")
    assert slow["http_route"] == "/api/items/{x}"


def test_a_zero_becomes_the_first() -> None:
    """The first 500 is counted on the very series that was at zero."""
    app = FastAPI(openapi_url=None)

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    app.add_middleware(SidelightMiddleware)
    call(app, "POST", "/broken")
    name = "http_server_request_duration_seconds_count"
    before = scrape(app)
    (zero,) = before.series(name, http_response_status_code="500")
    call(app, "GET", "/broken")
    after = scrape(app)
    assert after.series(name, http_response_status_code="500") == [zero]
    assert (before.value(name, **zero), after.value(name, **zero)) == (0, 1)


def test_infos() -> None:
    """The service's name comes from the settings, and one instance id stays the same."""
    app = service(service="shop")
    first, second = scrape(app), scrape(app)
    (target,) = first.series("target_info")
    assert target["service_name"] == "shop"
    assert target == second.series("target_info")[0]
    assert target["service_instance_id"]
    assert first.value("sidelight_workers", state="serving") == 1


def test_service_name_from_opentelemetrys_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings, the name and version are those OpenTelemetry's variables give."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=a%20b,service.version=7,x")
    (target,) = scrape(service()).series("target_info")
    assert (target["service_name"], target["service_version"]) == ("a b", "7")
    (target,) = scrape(service(service_version="8")).series("target_info")
    assert target["service_version"] == "8"
    monkeypatch.setenv("SIDELIGHT_SERVICE_VERSION", "9")
    (target,) = scrape(service()).series("target_info")
    assert target["service_version"] == "9"
    monkeypatch.setenv("OTEL_SERVICE_NAME", 'quo"ted\\ \n')
    (target,) = scrape(service()).series("target_info")
    assert target["service_name"] == 'quo"ted\\ \n'


def test_scrapes_at_the_same_time() -> None:
    """Many scrapes at once each get a whole page, with the same counts."""
    import asyncio

    app = service()

    async def storm() -> list[Page]:
        await ask(app, "GET", "/items/1")
        return [
            a.page for a in await asyncio.gather(*(ask(app, "GET", "/metrics") for _ in range(20)))
        ]

    pages = run(storm())
    assert {page.requests["GET", "/items/{x}", "200", ""] for page in pages} == {1}


def test_in_a_mounted_application_with_a_copy() -> None:
    """The page of the outer application alone answers."""
    app = Starlette(routes=[Mount("/sub", service())])
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/sub/items/1")
    assert scrape(app).routes == {"/sub/items/{x}": 1}
