"""FastAPI's own telemetry, in the same service, is the oracle of our templates."""

import inspect
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from sidelight import SidelightMiddleware
from tests.asgi.driver import call, scrape
from tests.asgi.services import CASES, REDIRECTS, greet, service

if "telemetry" not in inspect.signature(FastAPI).parameters:
    pytest.skip("this FastAPI has no telemetry of its own", allow_module_level=True)
export = pytest.importorskip("opentelemetry.sdk.metrics.export")
metrics = pytest.importorskip("opentelemetry.sdk.metrics")


def known_to_oracle(path: str, host: str) -> bool:
    """Whether the oracle counts it: it sits in FastAPI's routers, and not in Starlette's own."""
    return host == "test" and not path.startswith(("/star/", "/same/"))


KNOWN = [case for case in CASES if known_to_oracle(case[1], case[2])]


class Oracle:
    """What FastAPI says of the requests it has seen."""

    def __init__(self) -> None:
        self.reader = export.InMemoryMetricReader()
        self.provider = metrics.MeterProvider([self.reader])

    @property
    def options(self) -> dict[str, Any]:
        return {"telemetry": {"meter_provider": self.provider, "tracing": False, "logs": False}}

    @property
    def seen(self) -> dict[tuple[str, str, str], int]:
        """Requests by method, route and status."""
        data = self.reader.get_metrics_data()
        found: dict[tuple[str, str, str], int] = {}
        for resource in data.resource_metrics if data else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    if metric.name == "http.server.request.duration":
                        for point in metric.data.data_points:
                            key = tuple(
                                str(point.attributes.get(name, ""))
                                for name in (
                                    "http.request.method",
                                    "http.route",
                                    "http.response.status_code",
                                )
                            )
                            found[key] = found.get(key, 0) + point.count  # type: ignore[index, arg-type] # OpenTelemetry's points are of several types
        return found


@pytest.fixture
def oracle() -> Any:
    """An oracle, shut down after the test."""
    found = Oracle()
    yield found
    found.provider.shutdown()


def actual(app: Any) -> dict[tuple[str, str, str], float]:
    return {key[:3]: count for key, count in scrape(app).requests.items()}


@pytest.mark.parametrize("root", ["", "/api/v2"])
def test_both_agree(oracle: Oracle, root: str) -> None:
    """Method, template and status are those of FastAPI itself, with a root_path or without."""
    app = service(**oracle.options)
    app.add_middleware(SidelightMiddleware)
    expected: dict[Any, int] = {}
    for method, path, host, _, _ in KNOWN:
        before = oracle.seen
        call(app, method, root + path, headers={"host": host}, scope={"root_path": root})
        after = oracle.seen
        assert sum(after.values()) == sum(before.values()) + 1, (method, path)
        expected = after
    assert actual(app) == expected


@pytest.mark.slow
@pytest.mark.parametrize("root", ["", "/api/v2"])
@pytest.mark.parametrize("case", KNOWN, ids=lambda case: " ".join(case[:3]))
def test_both_agree_on_a_first_request(
    oracle: Oracle, case: tuple[str, str, str, str, int], root: str
) -> None:
    """Each kind of request has FastAPI's template also where it is the first of a service."""
    method, path, host, _, _ = case
    app = service(**oracle.options)
    app.add_middleware(SidelightMiddleware)
    call(app, method, root + path, headers={"host": host}, scope={"root_path": root})
    seen = oracle.seen
    assert sum(seen.values()) == 1
    assert actual(app) == seen


@pytest.mark.parametrize(("path", "template"), REDIRECTS)
def test_both_agree_on_redirects_or_one_has_none(oracle: Oracle, path: str, template: str) -> None:
    """For a slash redirect ours is the oracle's template, or the one it leads to, or none."""
    app = service(**oracle.options)
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", path)
    ((_, expected, status),) = oracle.seen
    ((_, found, found_status),) = actual(app)
    assert (status, found_status) == ("307", "307")
    assert found in {expected, template, ""}
    assert expected in {template, ""}


def test_both_agree_on_an_exception(oracle: Oracle) -> None:
    """The template of a route that raises is the oracle's."""
    app = FastAPI(**oracle.options)

    @app.get("/broken/{x}")
    async def broken(x: str) -> None:
        raise ZeroDivisionError

    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/broken/1")
    assert {key[:2] for key in oracle.seen} == {key[:2] for key in actual(app)}


def test_both_count_what_a_middleware_answers(oracle: Oracle) -> None:
    """A preflight answered before any route is one request to both."""
    app = service(**oracle.options)
    app.add_middleware(CORSMiddleware, allow_origins=["*"])
    app.add_middleware(SidelightMiddleware)
    headers = {"origin": "https://a.example", "access-control-request-method": "GET"}
    call(app, "OPTIONS", "/users/5", headers=headers)
    assert list(oracle.seen.values()) == list(actual(app).values()) == [1]


def test_both_agree_on_a_frontend(oracle: Oracle, tmp_path: Any) -> None:
    """Files of a frontend have the oracle's template."""
    if not hasattr(FastAPI, "frontend"):
        pytest.skip("this FastAPI has no app.frontend")
    (tmp_path / "index.html").write_text("<html></html>")
    app = FastAPI(**oracle.options)
    app.frontend("/web", directory=tmp_path)
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/web/index.html")
    call(app, "GET", "/web/")
    call(app, "GET", "/nowhere")
    seen = oracle.seen  # before our page, which is a request to the oracle
    assert actual(app) == seen


def test_referee_sees_nothing_of_the_page(oracle: Oracle) -> None:
    """A scrape is no request of ours, though FastAPI counts it."""
    app = service(**oracle.options)
    app.add_middleware(SidelightMiddleware)
    for _ in range(3):
        scrape(app)
    assert actual(app) == {}
    assert oracle.seen == {("GET", "", "200"): 4}


def test_both_agree_on_low_priority_routes_and_frontends(oracle: Oracle, tmp_path: Any) -> None:
    """What FastAPI tries after all other routes has the oracle's template, in mounts as well."""
    if not hasattr(FastAPI, "frontend"):
        pytest.skip("this FastAPI has no app.frontend")
    (tmp_path / "index.html").write_text("<html></html>")
    app, inner, router = FastAPI(**oracle.options), FastAPI(), APIRouter()
    router.frontend("/web", directory=tmp_path)
    router.get("/x/{y}")(lambda y: y)
    inner.include_router(router, prefix="/deep")
    inner.frontend("/", directory=tmp_path)
    app.include_router(router, prefix="/pre")
    app.mount("/shops/{shop}", inner)
    app.router._low_priority_routes.append(Route("/low/{z}", greet))
    app.add_middleware(SidelightMiddleware)
    for shop in ("a", "b"):
        for path in ("deep/web/index.html", "deep/x/1", "index.html", "", "deep/web"):
            call(app, "GET", f"/shops/{shop}/{path}")
    for path in ("/low/1", "/low/2", "/pre/web/index.html", "/pre/x/1", "/pre/none"):
        call(app, "GET", path)
    seen = oracle.seen
    assert sum(seen.values()) == 15
    assert actual(app) == seen


def test_both_agree_on_routes_added_to_a_router_later(oracle: Oracle) -> None:
    """A route that joins a router after its inclusion has the oracle's template at once."""
    app, router, inner = FastAPI(**oracle.options), APIRouter(), FastAPI()
    app.include_router(router, prefix="/pre/{p}")
    app.mount("/sub/{s}", inner)
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/pre/1/x/1")
    for number in range(3):
        router.get(f"/x{number}/{{y}}")(lambda y: y)
        inner.get(f"/x{number}/{{y}}")(lambda y: y)
        for prefix in ("/pre/1", "/pre/2", "/sub/1", "/sub/2"):
            call(app, "GET", f"{prefix}/x{number}/1")
            call(app, "POST", f"{prefix}/x{number}/1")
    seen = oracle.seen
    assert sum(seen.values()) == 25
    assert actual(app) == seen
