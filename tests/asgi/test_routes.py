"""The template of every kind of route."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.driver import ask, call, middleware_of, run, scrape
from tests.asgi.services import CASES, REDIRECTS, greet, service


def measured(**options: Any) -> FastAPI:
    app = service(**options)
    app.add_middleware(SidelightMiddleware)
    return app


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path", "host", "template", "status"), CASES)
def test_template_of_the_first_request(
    method: str, path: str, host: str, template: str, status: int
) -> None:
    """The first request of a service has the whole template of its route, and the second too."""
    app = measured()
    for _ in range(2):
        assert call(app, method, path, headers={"host": host}).status == status
    page = scrape(app)
    assert page.routes == {template: 2}
    assert page.value("sidelight_internal_errors_total") == 0


def test_all_templates_in_one_service() -> None:
    """Each request is counted under the whole template of its route, and with its status."""
    app = measured()

    async def storm() -> None:
        for _ in range(2):
            for method, path, host, _template, status in CASES:
                assert (await ask(app, method, path, headers={"host": host})).status == status

    run(storm())
    expected: dict[tuple[str, str], int] = {}
    for *_, template, status in CASES:
        key = template, str(status)
        expected[key] = expected.get(key, 0) + 2
    page = scrape(app)
    labels = ("http_route", "http_response_status_code")
    assert page.by("http_server_request_duration_seconds_count", *labels) == expected
    assert page.value("sidelight_internal_errors_total") == 0


def test_in_flight_the_template_is_the_same() -> None:
    """A request in flight has the template that it is counted under later."""
    app = measured()
    templates: list[str] = []

    def spy(inner: ASGIApp) -> ASGIApp:
        async def spied(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "http":
                page = (await ask(app, "GET", "/metrics")).page
                templates.extend(page.by("fastapi_active_requests", "http_route"))
            await inner(scope, receive, send)

        return spied

    app.user_middleware.append(_as_middleware(spy))
    wrong = []
    for method, path, host, template, status in CASES:
        if status != 200 or host != "test" or "pair" in path:
            continue  # a slot knows no host, and takes a custom convertor for one segment
        templates.clear()
        call(app, method, path)
        if templates != [template]:
            wrong.append((path, template, list(templates)))
    assert wrong == []


def _as_middleware(factory: Any) -> Any:
    from starlette.middleware import Middleware

    class Wrapper:
        def __init__(self, app: ASGIApp) -> None:
            self.app = factory(app)

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await self.app(scope, receive, send)

    return Middleware(Wrapper)


@pytest.mark.parametrize(("path", "template"), REDIRECTS)
def test_a_slash_redirect_has_its_template_or_none(path: str, template: str) -> None:
    """A redirect to the path with, or without, a slash never shows the raw path."""
    app = measured()
    answer = call(app, "GET", path)
    assert answer.status == 307
    (found,) = scrape(app).routes
    assert found in {template, ""}


@pytest.mark.parametrize(
    ("from_app", "from_server", "path"),
    [
        ("", "/api", "/api/users/5"),
        ("", "/api", "/users/5"),
        ("", "/api/", "/users/5"),
        ("/api", "", "/api/users/5"),
        ("/api", "", "/users/5"),
        ("/api", "/ignored", "/users/5"),
    ],
)
@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
def test_root_path_is_in_front(from_app: str, from_server: str, path: str) -> None:
    """The template begins with root_path, wherever it comes from, cut off by a proxy or not."""
    app = measured(root_path=from_app)
    expected = {"users/5": "/api/users/{user_id}", "red/1": "/api/red/{leaf}"}
    if path.startswith("/api"):  # Starlette finds no way into a mount without it
        expected["shops/a/things/1"] = "/api/shops/{shop}/things/{thing}"
    for each in expected:
        scope = {"root_path": from_server}
        assert call(app, "GET", path.replace("users/5", each), scope=scope).status == 200
    assert scrape(app).routes == dict.fromkeys(expected.values(), 1)


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
def test_root_path_of_an_application_inside_ours() -> None:
    """Wrapped around the application object, ours sees the root_path that the application sets."""
    app = SidelightMiddleware(service(root_path="/api"))
    for path in ("/users/5", "/api/users/5", "/red/1"):
        assert call(app, "GET", path).status == 200
    assert scrape(app).routes == {"/api/users/{user_id}": 2, "/api/red/{leaf}": 1}


@pytest.mark.filterwarnings("ignore:The `root_path` parameter is deprecated")
def test_root_path_of_a_mounted_application() -> None:
    """A sub-application's own root_path changes nothing about where it is mounted."""
    app = FastAPI(openapi_url=None)
    inner = FastAPI(root_path="/elsewhere", openapi_url=None)

    @inner.get("/x/{y}")
    async def x(y: str) -> str:
        return y

    app.mount("/sub", inner)
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/sub/x/1")
    (found,) = scrape(app).routes
    assert found in {"/sub/x/{y}", "/x/{y}", "", "_UNKNOWN"}
    assert "1" not in found


def test_a_root_path_that_only_looks_like_a_prefix() -> None:
    """root_path is cut off at a slash only."""
    app = FastAPI(openapi_url=None)

    async def shared(x: str) -> str:
        return x

    app.get("/apiary/{x}")(shared)
    app.get("/hive/{x}")(shared)
    app.add_middleware(SidelightMiddleware)
    assert call(app, "GET", "/apiary/1", scope={"root_path": "/api"}).status == 200
    assert scrape(app).routes == {"/api/apiary/{x}": 1}


def test_many_root_paths_are_bounded() -> None:
    """A server that makes up a root_path for every request makes no label of each."""
    app = measured()

    async def storm() -> None:
        for number in range(300):
            await ask(app, "GET", "/users/1", scope={"root_path": f"/r{number}"})

    run(storm())
    page = scrape(app)
    assert len(page.routes) <= 20
    assert sum(page.routes.values()) == 300


def test_routes_added_while_running() -> None:
    """A route that joins a running service is counted under its template."""
    app = FastAPI(openapi_url=None)

    @app.get("/old/{x}")
    async def old(x: str) -> str:
        return x

    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/old/1")

    @app.get("/new/{x}")
    async def new(x: str) -> str:
        return x

    assert call(app, "GET", "/new/1").status == 200
    _later(app)
    call(app, "GET", "/new/2")
    page = scrape(app)
    assert page.value("http_server_request_duration_seconds_count") == 3
    assert page.routes.get("/old/{x}") == 1
    assert page.routes["/new/{x}"] >= 1
    assert set(page.routes) <= {"/old/{x}", "/new/{x}", "_UNKNOWN"}


def _later(app: FastAPI) -> None:
    """Let the time pass after which a table is looked at again."""
    recorder = middleware_of(app).lifecycle.recorder
    assert recorder is not None
    recorder.labels._built -= 60


def test_unknown_endpoints_cost_no_room() -> None:
    """An application whose routes can't be read doesn't fill the store with its route table."""
    hidden = Starlette(routes=[Route("/x/{y}", greet)])

    async def wrapper(scope: Scope, receive: Receive, send: Send) -> None:
        await hidden(scope, receive, send)

    app = FastAPI(openapi_url=None)
    for number in range(50):
        app.get(f"/some/route/with/a/name/{number}")(_endpoint())
    app.mount("/wrapped", wrapper)
    app.add_middleware(SidelightMiddleware, max_series=200)

    async def storm() -> None:
        for _ in range(300):
            await ask(app, "GET", "/wrapped/x/1")
            _later(app)
        for number in range(50):
            await ask(app, "GET", f"/some/route/with/a/name/{number}")

    run(storm())
    page = scrape(app)
    assert page.value("sidelight_internal_errors_total") == 0
    assert page.value("sidelight_series_overflow_total") == 0
    assert len(page.routes) == 51


def _endpoint() -> Any:
    async def endpoint() -> None:
        return None

    return endpoint


def test_plain_starlette() -> None:
    """A Starlette application without FastAPI has the same templates."""
    app = Starlette(
        routes=[
            Route("/a/{b:int}", greet),
            Mount("/m/{n}", routes=[Route("/x", greet), Route("/y/{z:path}", greet)]),
        ]
    )
    app.add_middleware(SidelightMiddleware)
    paths = ("/a/1", "/m/1/x", "/m/1/y/2/3", "/m/1/no", "/no")
    for path in paths:
        call(app, "GET", path)
    assert scrape(app).routes == {
        "/a/{b}": 1,
        "/m/{n}/x": 1,
        "/m/{n}/y/{z}": 1,
        "/m/{n}/{path}": 1,
        "": 1,
    }


def test_a_router_alone() -> None:
    """A bare Router is an application too."""
    app = SidelightMiddleware(
        Router([Route("/a/{b}", greet), Mount("/m", Router([Route("/x", greet)]))])
    )
    for path in ("/a/1", "/m/x", "/no"):
        call(app, "GET", path)
    assert scrape(app).routes == {"/a/{b}": 1, "/m/x": 1, "": 1}


def test_no_routes_at_all() -> None:
    """An application of any other make is measured without templates."""

    async def inner(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("x")(scope, receive, send)

    app = SidelightMiddleware(inner)
    call(app, "GET", "/secret/123")
    page = scrape(app)
    assert page.routes == {"": 1}
    assert "secret" not in page.text


def test_a_frontend(tmp_path: Any) -> None:
    """Files of a frontend are counted together, whatever their path."""
    if not hasattr(FastAPI, "frontend"):
        pytest.skip("this FastAPI has no app.frontend")
    (tmp_path / "index.html").write_text("<html></html>")
    (tmp_path / "app.js").write_text("1")
    app = FastAPI()

    @app.get("/api/{x}")
    async def api(x: str) -> str:
        return x

    app.frontend("/", directory=tmp_path)
    app.add_middleware(SidelightMiddleware)
    assert call(app, "GET", "/app.js").status == 200
    assert call(app, "GET", "/").status == 200
    call(app, "GET", "/no/such/page", headers={"accept": "text/html"})
    call(app, "GET", "/api/1")
    routes = scrape(app).routes
    assert routes.pop("/api/{x}") == 1
    assert set(routes) <= {"/{path}", ""}
    assert sum(routes.values()) == 3


def test_a_route_that_raises_has_its_template() -> None:
    """An exception is counted under the template of its route, through a mount as well."""
    inner = FastAPI(openapi_url=None)

    @inner.get("/broken/{x}")
    async def broken(x: str) -> None:
        raise ZeroDivisionError

    app = FastAPI(openapi_url=None)
    app.mount("/sub/{y}", inner)
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/sub/1/broken/2")
    page = scrape(app)
    assert page.by("fastapi_exceptions_total", "http_route") == {"/sub/{y}/broken/{x}": 1}
    assert page.requests == {("GET", "/sub/{y}/broken/{x}", "500", "500"): 1}


def test_encoded_paths() -> None:
    """Percent-encoding, spaces and other alphabets change no template."""
    app = measured()
    for path, raw in (
        ("/red/a b", b"/red/a%20b"),
        ("/red/é", b"/red/%C3%A9"),
        ("/red/{x}", b"/red/{x}"),
    ):
        assert call(app, "GET", path, scope={"raw_path": raw}).status == 200
    assert scrape(app).routes == {"/red/{leaf}": 3}


def test_concurrent_requests_keep_their_routes() -> None:
    """Requests that overlap are each counted under their own template."""
    app = FastAPI(openapi_url=None)
    gate = asyncio.Event()

    async def shared(x: str) -> str:
        await gate.wait()
        return x

    for number in range(5):
        app.get(f"/r{number}/{{x}}")(shared)
    app.add_middleware(SidelightMiddleware)

    async def storm() -> None:
        tasks = [asyncio.ensure_future(ask(app, "GET", f"/r{n % 5}/{n}")) for n in range(50)]
        await asyncio.sleep(0)
        gate.set()
        await asyncio.gather(*tasks)

    run(storm())
    assert scrape(app).routes == {f"/r{number}/{{x}}": 10 for number in range(5)}


def test_an_endpoints_own_redirect_keeps_its_route() -> None:
    """A redirect that an endpoint itself answers is counted under the route of that endpoint."""
    app = FastAPI(openapi_url=None)

    async def away() -> RedirectResponse:
        return RedirectResponse("/elsewhere")

    app.get("/old")(away)
    app.get("/older")(away)

    @app.get("/{rest:path}")
    async def rest(rest: str) -> str:
        return rest

    app.add_middleware(SidelightMiddleware)
    for path in ("/old", "/older", "/old"):
        assert call(app, "GET", path).status == 307
    assert scrape(app).routes == {"/old": 2, "/older": 1}
