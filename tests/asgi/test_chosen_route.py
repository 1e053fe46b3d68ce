"""The label of a request is the route that the router chose, whatever else has changed."""

import asyncio
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from sidelight import SidelightMiddleware
from tests.asgi.driver import ask, call, connect, middleware_of, run, scrape

WEBSOCKETS = "fastapi_websocket_duration_seconds_count"


async def shared(request: Request) -> Response:
    return PlainTextResponse("shared")


class Views:
    """Views as methods of one object."""

    async def show(self, request: Request) -> Response:
        return PlainTextResponse("show")

    async def give(self) -> str:
        return "give"


def calls(app: ASGIApp, *paths: str) -> None:
    """Each path in turn, on one event loop."""

    async def storm() -> None:
        for path in paths:
            assert (await ask(app, "GET", path)).status == 200, path

    run(storm())


def fastapi() -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.add_middleware(SidelightMiddleware)
    return app


@pytest.mark.parametrize("kind", ["starlette", "fastapi"])
def test_a_handler_under_a_second_path_at_run_time(kind: str) -> None:
    """A handler that is added under a second path counts there from the next request on."""
    app = fastapi()

    def add(path: str) -> None:
        if kind == "starlette":
            app.router.routes.append(Route(path, shared))
        else:
            app.get(path)(shared)

    add("/first/{a}")
    calls(app, "/first/1", "/first/2")
    add("/second/{b}")
    calls(app, *["/second/1", "/first/3"] * 4)
    assert scrape(app).routes == {"/first/{a}": 6, "/second/{b}": 4}


def test_a_handler_that_is_moved_or_removed() -> None:
    """A handler whose route is replaced counts under its new path; a removed route is none."""
    app = Starlette(routes=[Route("/old/{x}", shared)])
    app.add_middleware(SidelightMiddleware)
    calls(app, "/old/1", "/old/2")
    app.router.routes[:] = [Route("/new/{x}", shared)]
    calls(app, "/new/1", "/new/2", "/new/3")
    assert call(app, "GET", "/old/3").status == 404
    app.router.routes.clear()
    assert call(app, "GET", "/new/4").status == 404
    assert scrape(app).routes == {"/old/{x}": 2, "/new/{x}": 3, "": 2}


def test_an_application_that_is_mounted_elsewhere() -> None:
    """An application that moves to another mount takes its routes with it."""
    inner = Starlette(routes=[Route("/x/{y}", shared)])
    app = fastapi()
    app.mount("/here/{a}", inner)
    calls(app, "/here/1/x/1", "/here/1/x/1")
    app.router.routes[:] = [Mount("/there", inner), Mount("/left/{b}", inner)]
    calls(app, "/there/x/1", "/there/x/2", "/left/2/x/1")
    expected = {"/here/{a}/x/{y}": 2, "/there/x/{y}": 2, "/left/{b}/x/{y}": 1}
    assert scrape(app).routes == expected


@pytest.mark.parametrize("kind", ["starlette", "fastapi"])
def test_a_route_in_front_of_a_catch_all(kind: str) -> None:
    """A route that is added twice in a second before a catch-all has its own template at once."""
    app = fastapi()

    async def rest(rest: str) -> str:
        return rest

    app.get("/{rest:path}")(rest)
    calls(app, "/a/1")
    for name in ("a", "b", "c"):
        if kind == "starlette":
            app.router.routes.insert(0, Route(f"/{name}/{{x}}", shared))
        else:
            app.get(f"/{name}/{{x}}")(lambda x: x)
            app.router.routes.insert(0, app.router.routes.pop())
        calls(app, f"/{name}/1", f"/{name}/2")
    expected = {"/{rest}": 1, "/a/{x}": 2, "/b/{x}": 2, "/c/{x}": 2}
    assert scrape(app).routes == expected


def test_a_route_added_to_a_router_that_is_included() -> None:
    """A route that joins a router after it was included has its template, prefix and all."""
    app, router = fastapi(), APIRouter()
    router.get("/one/{x}")(lambda x: x)
    app.include_router(router, prefix="/v1")
    app.include_router(router, prefix="/v2/{place}")
    calls(app, "/v1/one/1")
    router.get("/two/{x}")(lambda x: x)
    expected = {"/v1/one/{x}": 1}
    if call(app, "GET", "/v1/two/1").status == 200:  # FastAPI before 0.137 has copied the routes
        calls(app, "/v2/a/two/1", "/v2/b/two/1", "/v1/two/1")
        expected |= {"/v1/two/{x}": 2, "/v2/{place}/two/{x}": 2}
    else:
        expected |= {"": 1}
    assert scrape(app).routes == expected


@pytest.mark.parametrize("kind", ["starlette", "fastapi", "plain"])
def test_one_bound_method_on_two_routes(kind: str) -> None:
    """A method of one object on two routes counts under each."""
    views = Views()
    paths = ("/first/{a}", "/second/{b}")
    if kind == "starlette":
        app: Any = Starlette(routes=[Route(path, views.show) for path in paths])
        app.add_middleware(SidelightMiddleware)
    else:
        app = fastapi()
        for path in paths:
            if kind == "plain":
                app.router.routes.append(Route(path, views.show))
            else:
                app.get(path)(views.give)
    calls(app, *["/first/1", "/second/1", "/second/2"] * 3)
    assert scrape(app).routes == {"/first/{a}": 3, "/second/{b}": 6}


class Shortening:
    """Hides its application, and cuts what mounts have added from the path in place."""

    def __init__(self, app: ASGIApp) -> None:
        self._hidden = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["path"] = scope["path"].removeprefix(scope["root_path"])
        await self._hidden(scope, receive, send)


class Open(Shortening):
    """The same, with an application that can be seen."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self.app = app


@pytest.mark.parametrize("wrapper", [Shortening, Open])
def test_a_mount_that_shortens_the_path(wrapper: Any) -> None:
    """Requests and connections keep their templates where a mount shortens the path in place."""
    inner = FastAPI(openapi_url=None)
    inner.get("/things/{thing}")(lambda thing: thing)

    @inner.websocket("/talk/{room}")
    async def talk(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        await websocket.close()

    app = fastapi()
    app.mount("/left/{side}", wrapper(inner))
    calls(app, "/left/1/things/1", "/left/2/things/1")
    assert run(connect(app, "/left/1/talk/1", []))[1] is None
    page = scrape(app)
    assert page.routes == {"/left/{side}/things/{thing}": 2}
    assert page.by(WEBSOCKETS, "http_route") == {"/left/{side}/talk/{room}": 1}


def test_a_hold_of_the_loop_has_the_route_that_is_counted() -> None:
    """A route that joins a running service has its template while it holds the loop, too."""
    app = fastapi()
    seen: list[str] = []

    async def look(x: str, request: Request) -> str:
        recorder = middleware_of(app).lifecycle.recorder
        assert recorder is not None
        seen.append(await asyncio.to_thread(recorder.labels.seen, request.scope))
        return x

    app.get("/old/{x}")(look)
    calls(app, "/old/1")
    app.get("/new/{x}")(look)
    inner = FastAPI(openapi_url=None)
    app.mount("/sub/{y}", inner)
    calls(app, "/new/1")
    inner.get("/later/{x}")(look)
    calls(app, "/sub/1/later/1")
    assert seen == list(scrape(app).routes) == ["/old/{x}", "/new/{x}", "/sub/{y}/later/{x}"]


def test_routes_that_are_never_the_same_cost_little() -> None:
    """An application that makes its routes anew for each request is counted, with few tables."""

    class Changing:
        @property
        def routes(self) -> list[Any]:
            return [Route("/a/{b}", shared)]

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            await Starlette(routes=self.routes)(scope, receive, send)

    app = SidelightMiddleware(Changing())
    calls(app, *["/a/1"] * 100)
    assert scrape(app).routes == {"/a/{b}": 100}
    assert app.lifecycle.recorder is not None
    assert app.lifecycle.recorder.labels._rebuilds_left == 0
