"""Other middleware inside and outside ours, and more than one of ours."""

import asyncio
import copy
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight import SidelightMiddleware
from tests.asgi.driver import Page, ask, call, lifespan, run, scrape
from tests.asgi.services import CASES, greet, service


class Copying:
    """Passes a copy of the scope on, as some middleware do."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(dict(scope), receive, send)


class Rewriting(Copying):
    """Passes a copy with headers of its own on."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [*scope.get("headers", ()), (b"x-request-id", b"1")]
        await self.app({**scope, "headers": headers}, receive, send)


class Deep(Copying):
    """Passes a copy of the scope and of all that is in it on, but of the application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept = {"app": scope["app"]} if "app" in scope else {}
        rest = {name: value for name, value in scope.items() if name not in kept}
        await self.app(copy.deepcopy(rest) | kept, receive, send)


class Slotted:
    """Keeps the application where nobody looks for it."""

    def __init__(self, app: ASGIApp) -> None:
        self.hidden = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.hidden(scope, receive, send)


class Function:
    """Wraps receive and send in functions of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def its_receive() -> Any:
            return await receive()

        async def its_send(message: Any) -> None:
            await send(message)

        await self.app(scope, its_receive, its_send)


class Dispatching(BaseHTTPMiddleware):
    """The middleware most people write first."""

    async def dispatch(self, request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["x-dispatched"] = "yes"
        return response


def around(app: ASGIApp) -> ASGIApp:
    """A decorator in place of a class."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return wrapped


OTHERS: list[tuple[Any, dict[str, Any]]] = [
    (GZipMiddleware, {"minimum_size": 1}),
    (CORSMiddleware, {"allow_origins": ["*"]}),
    (Dispatching, {}),
    (Copying, {}),
    (Rewriting, {}),
    (Deep, {}),
    (Slotted, {}),
    (Function, {}),
    (around, {}),
    (TrustedHostMiddleware, {"allowed_hosts": ["*"]}),
]
FEW = [case for case in CASES if case[0] in {"GET", "POST"} and "pair" not in case[1]]


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize(("other", "options"), OTHERS, ids=lambda o: getattr(o, "__name__", ""))
def test_templates_with_another_middleware(
    other: Any, options: dict[str, Any], *, inside: bool
) -> None:
    """Whatever is inside or outside ours, templates and statuses are the same."""
    app = service()
    pair = [(other, options), (SidelightMiddleware, {})]
    for kind, its in pair if inside else pair[::-1]:
        app.add_middleware(kind, **its)
    expected: dict[tuple[str, str], int] = {}

    async def storm() -> None:
        for method, path, host, template, status in FEW:
            answer = await ask(app, method, path, headers={"host": host})
            assert answer.status == status, path
            expected[template, str(status)] = expected.get((template, str(status)), 0) + 1

    run(storm())
    labels = ("http_route", "http_response_status_code")
    assert scrape(app).by("http_server_request_duration_seconds_count", *labels) == expected


@pytest.mark.parametrize("wrapper", [GZipMiddleware, Copying, Deep, Slotted, Function, around])
def test_ours_around_the_whole_application(wrapper: Any) -> None:
    """Put around an application that is wrapped already, ours still finds its routes."""
    app = SidelightMiddleware(wrapper(service()))
    for path in ("/red/1", "/shops/a/things/1", "/users/x"):
        call(app, "GET", path)
    assert scrape(app).routes == {
        "/red/{leaf}": 1,
        "/shops/{shop}/things/{thing}": 1,
        "/users/{user_id}": 1,
    }


def guard(app: ASGIApp) -> ASGIApp:
    """Answers by itself whoever has no credentials, as a middleware for authentication does."""

    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not dict(scope["headers"]).get(b"authorization"):
            await PlainTextResponse("who are you?", 401)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return guarded


@pytest.mark.parametrize("before", [[], [Copying], [Dispatching]], ids=["", "copy", "base"])
@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/nowhere/at/all", ""),
        ("/users/1", "/users/{user_id}"),
        ("/shops/a/things/1", "/shops/{shop}/things/{thing}"),
    ],
)
def test_a_middleware_that_answers_by_itself(path: str, template: str, before: list[Any]) -> None:
    """An answer before any route counts once, with its status, for the route of its path."""
    app = service()
    app.add_middleware(guard)
    for other in before:
        app.add_middleware(other)
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", path)
    assert scrape(app).requests == {("GET", template, "401", ""): 1}


def test_a_middleware_that_changes_the_status() -> None:
    """Inside ours, what a middleware makes of a status is what counts."""

    class Changing(BaseHTTPMiddleware):
        async def dispatch(self, request: Any, call_next: Any) -> Any:
            response = await call_next(request)
            response.status_code = 503
            return response

    app = service()
    app.add_middleware(Changing)
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/users/1")
    assert scrape(app).requests == {("GET", "/users/{user_id}", "503", "503"): 1}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_through_base_http_middleware() -> None:
    """The exception that leaves through BaseHTTPMiddleware is the one that was raised."""
    error = ZeroDivisionError()
    app = FastAPI(openapi_url=None)

    @app.get("/broken")
    async def broken() -> None:
        raise error

    app.add_middleware(Dispatching)
    app.add_middleware(SidelightMiddleware)
    assert call(app, "GET", "/broken").error is error
    page = scrape(app)
    assert page.requests == {("GET", "/broken", "500", "500"): 1}
    assert page.by("fastapi_exceptions_total", "error_type") == {"ZeroDivisionError": 1}


# --- more than one of ours ---


def page_of_all(app: Any) -> Page:
    page = scrape(app)
    assert page.value("sidelight_internal_errors_total") == 0
    return page


@pytest.mark.parametrize("between", [None, Copying, Rewriting, Deep, Dispatching, Function])
def test_twice_in_one_application_counts_once(between: Any) -> None:
    """A second of ours inside lets everything pass, the first request and the ones that follow."""
    app = service()
    app.add_middleware(SidelightMiddleware)
    if between:
        app.add_middleware(between)
    app.add_middleware(SidelightMiddleware)
    for _ in range(3):
        assert call(app, "GET", "/users/1").status == 200
    assert page_of_all(app).routes == {"/users/{user_id}": 3}


@pytest.mark.parametrize("between", [None, Copying, Rewriting])
def test_in_a_mounted_application_counts_once(between: Any) -> None:
    """Ours in an application and in one mounted below it count each request once."""
    inner = service()
    inner.add_middleware(SidelightMiddleware)
    app = FastAPI(openapi_url=None)
    app.mount("/sub/{name}", between(inner) if between else inner)
    app.add_middleware(SidelightMiddleware)
    for _ in range(3):
        call(app, "GET", "/sub/a/users/1")
    assert page_of_all(app).routes == {"/sub/{name}/users/{user_id}": 3}
    assert call(app, "GET", "/sub/a/metrics").status == 404


@pytest.mark.parametrize("between", [None, Copying, Dispatching])
def test_one_that_is_built_inside_a_request_counts_it_once(between: Any) -> None:
    """A mounted application builds its middleware at its first request, which has no mark."""
    inner = service()
    inner.add_middleware(SidelightMiddleware)
    app = FastAPI(openapi_url=None)
    app.mount("/sub", between(inner) if between else inner)
    app.add_middleware(SidelightMiddleware)
    call(app, "GET", "/nowhere")
    for _ in range(3):
        call(app, "GET", "/sub/users/1")
    assert page_of_all(app).routes == {"": 1, "/sub/users/{user_id}": 3}


@pytest.mark.parametrize("copied", [False, True])
def test_a_request_that_comes_back_counts_once(*, copied: bool) -> None:
    """A handler or a middleware that sends its request through the application once more."""
    app = service()

    async def again(request: Request) -> None:
        scope = dict(request.scope) if copied else request.scope
        scope["path"] = "/users/1"
        await app(scope, request.receive, request._send)

    class Again(Copying):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"].startswith("/old"):
                await again(Request(scope, receive, send))
            else:
                await self.app(scope, receive, send)

    app.add_middleware(Again)
    app.add_middleware(SidelightMiddleware)

    async def together() -> None:
        paths = ("/users/2", "/users/3", "/old/1", "/old/2")
        answers = await asyncio.gather(*(ask(app, "GET", path) for path in paths))
        assert [answer.status for answer in answers] == [200] * 4

    run(together())
    run(together())
    assert sum(page_of_all(app).routes.values()) == 8


def test_a_scope_that_is_used_twice_counts_twice() -> None:
    """Whoever tries once more around us, with the same scope, makes another request."""
    app = service()
    app.add_middleware(SidelightMiddleware)

    async def twice(scope: Scope, receive: Receive, send: Send) -> None:
        async def nowhere(message: Any) -> None:
            pass

        if scope["type"] == "http":
            await app(scope, receive, nowhere)
        await app(scope, receive, send)

    call(twice, "GET", "/users/1")
    call(twice, "GET", "/users/1")
    assert page_of_all(app).routes == {"/users/{user_id}": 4}


def test_a_scope_that_is_emptied() -> None:
    """An application may do with its scope what it likes: nothing of ours raises for it."""

    async def emptying(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse("fine")(scope, receive, send)
        scope.clear()

    app = SidelightMiddleware(emptying)
    for _ in range(3):
        answer = call(app, "GET", "/")
        assert (answer.status, answer.error) == (200, None)


@pytest.mark.parametrize("wrapper", [GZipMiddleware, Function])
def test_a_mounted_application_in_a_middleware(wrapper: Any) -> None:
    """A middleware around a mounted application hides none of its templates."""
    app = FastAPI(openapi_url=None)
    app.mount("/sub/{name}", wrapper(service()))
    app.add_middleware(SidelightMiddleware)
    for path in ("/sub/a/users/1", "/sub/a/red/1", "/sub/a/nowhere"):
        call(app, "GET", path)
    assert page_of_all(app).routes == {
        "/sub/{name}/users/{user_id}": 1,
        "/sub/{name}/red/{leaf}": 1,
        "/sub/{name}/{path}": 1,
    }


def test_only_in_a_mounted_application() -> None:
    """Ours in a mounted application alone measures that one, and answers below its mount."""
    inner = FastAPI(openapi_url=None)

    @inner.get("/x/{y}")
    async def x(y: str) -> str:
        return y

    inner.add_middleware(SidelightMiddleware)
    app = Starlette(routes=[Route("/plain", greet), Mount("/sub", inner)])
    call(app, "GET", "/plain")
    call(app, "GET", "/sub/x/1")
    answer = call(app, "GET", "/sub/metrics")
    assert list(answer.page.routes.values()) == [1]
    (route,) = answer.page.routes
    assert route in {"/sub/x/{y}", "/x/{y}"}
    assert call(app, "GET", "/metrics").status == 404


@pytest.mark.parametrize("started", [True, False])
def test_around_and_inside_counts_once(*, started: bool) -> None:
    """Around the application object and added to it, with a lifespan or without: one count."""
    inner = service()
    inner.add_middleware(SidelightMiddleware)
    app = SidelightMiddleware(inner)

    async def one() -> Page:
        await ask(app, "GET", "/users/1")
        await ask(app, "GET", "/broken")
        return (await ask(app, "GET", "/metrics")).page

    pages: list[Page] = []

    async def during() -> None:
        pages.append(await one())

    if started:
        sent = run(lifespan(app, during))
        assert [m["type"] for m in sent] == [
            "lifespan.startup.complete",
            "lifespan.shutdown.complete",
        ]
    else:
        run(during())
    assert pages[0].routes == {"/users/{user_id}": 1, "": 1}


def test_what_the_outer_excludes_the_inner_does_not_count() -> None:
    """A path that the outer one of ours leaves out is measured by none."""
    inner = service()
    inner.add_middleware(SidelightMiddleware, metrics_path="/inner")
    app = SidelightMiddleware(inner, exclude=["/users/*"])
    call(app, "GET", "/users/1")
    answer = call(app, "GET", "/inner")
    assert answer.status == 404


def test_two_applications_do_not_mix() -> None:
    """Two applications of one process that is alone have numbers of their own."""
    one, two = service(), service()
    for app in (one, two):
        app.add_middleware(SidelightMiddleware)
    call(one, "GET", "/users/1")
    assert scrape(one).routes == {"/users/{user_id}": 1}
    assert scrape(two).routes == {}
