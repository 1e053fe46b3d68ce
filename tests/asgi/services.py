"""One service that has every kind of route, and what each request's template is."""

from functools import partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.endpoints import HTTPEndpoint
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

HERE = Path(__file__).parent


class Hex(Convertor[int]):
    """A convertor of the application's own, with a name no other test uses."""

    regex = "0x[0-9a-f]+"

    def convert(self, value: str) -> int:
        return int(value, 16)

    def to_string(self, value: int) -> str:
        return hex(value)


class Pair(Convertor[str]):
    """A convertor that takes two segments."""

    regex = "[^/]+/[^/]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("sidelight_hex", Hex())
register_url_convertor("sidelight_pair", Pair())


class Timed(APIRoute):
    """A custom route class, as FastAPI's documentation teaches it."""

    def get_route_handler(self) -> Any:
        handler = super().get_route_handler()

        async def timed(request: Request) -> Response:
            response: Response = await handler(request)
            response.headers["x-timed"] = "yes"
            return response

        return timed


class Page(HTTPEndpoint):
    """An endpoint that is a class."""

    async def get(self, request: Request) -> Response:
        return PlainTextResponse("page")

    async def post(self, request: Request) -> Response:
        return PlainTextResponse("posted", 201)


async def greet(request: Request) -> Response:
    return PlainTextResponse("hello")


async def configured(word: str, request: Request) -> Response:
    return PlainTextResponse(word)


async def bare_app(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("bare")(scope, receive, send)


def _leaf() -> APIRouter:
    router = APIRouter()

    @router.get("/{leaf}")
    async def leaf(leaf: str) -> str:
        return leaf

    @router.post("")
    async def grow() -> None:
        return None

    return router


def _sub(name: str) -> FastAPI:
    app = FastAPI(title=name)

    @app.get("/")
    async def home() -> str:
        return name

    @app.get("/things/{thing}")
    async def thing(thing: int) -> int:
        return thing

    app.include_router(_leaf(), prefix="/deep/{branch}")
    return app


def service(**options: Any) -> FastAPI:
    """The service; ``options`` go to FastAPI."""
    app = FastAPI(**options)
    _add_endpoints(app)
    _include_routers(app)
    _mount_applications(app)
    _append_routes(app)
    return app


def _add_endpoints(app: FastAPI) -> None:
    @app.get("/")
    async def home() -> str:
        return "home"

    @app.get("/users/{user_id}")
    async def user(user_id: int) -> int:
        return user_id

    @app.get("/users/me/profile/")
    async def profile() -> str:
        return "me"

    @app.get("/files/{rest:path}")
    async def files(rest: str) -> str:
        return rest

    @app.api_route("/both", methods=["GET", "POST"], include_in_schema=False)
    async def both() -> str:
        return "both"

    async def shared() -> str:
        return "shared"

    app.get("/first/{a}")(shared)
    app.get("/second/{b}")(shared)


def _include_routers(app: FastAPI) -> None:
    once, twice = APIRouter(prefix="/twice"), _leaf()
    once.include_router(twice, prefix="/inner")
    app.include_router(once, prefix="/outer/{root}")
    app.include_router(_leaf(), prefix="/v1/leaves")
    same = _leaf()
    app.include_router(same, prefix="/red")
    app.include_router(same, prefix="/blue/{shade}")

    timed = APIRouter(route_class=Timed)

    @timed.get("/{job}")
    async def job(job: str) -> str:
        return job

    app.include_router(timed, prefix="/timed")


def _mount_applications(app: FastAPI) -> None:
    app.mount("/shops/{shop}", _sub("shop"))
    again = _sub("again")
    app.mount("/left", again)
    app.mount("/right/{side}", again)

    nested = Starlette(routes=[Route("/greet/{name}", greet), Mount("/api", _sub("innermost"))])
    app.mount("/star", nested)
    app.mount(
        "/same/{id}",
        Router([Route("/{id}", greet), Mount("/{id}/x", Router([Route("/{id}", greet)]))]),
    )
    app.mount("/bare", bare_app)
    app.mount("/static", StaticFiles(directory=HERE))


def _append_routes(app: FastAPI) -> None:
    app.router.routes.append(Route("/plain/{name}", greet))
    app.router.routes.append(Route("/page/{number:int}", Page))
    app.router.routes.append(Route("/partial", partial(configured, "a")))
    app.router.routes.append(Route("/partial/{x}", partial(configured, "b")))
    app.router.routes.append(Route("/hex/{value:sidelight_hex}", greet))
    app.router.routes.append(Route("/pair/{value:sidelight_pair}/end", greet))
    app.router.routes.append(
        Host("{tenant}.example.org", app=Router([Route("/only/{x}", greet)]), name="tenants")
    )
    app.router.routes.append(
        Host(
            "api.example.net",
            app=Router([Route("/only/{y}", greet), Mount("/m", Router([Route("/z", greet)]))]),
        )
    )


# method, path, host, template, status
CASES: list[tuple[str, str, str, str, int]] = [
    ("GET", "/", "test", "/", 200),
    ("GET", "/users/5", "test", "/users/{user_id}", 200),
    ("GET", "/users/x", "test", "/users/{user_id}", 422),
    ("DELETE", "/users/5", "test", "/users/{user_id}", 405),
    ("GET", "/users/me/profile/", "test", "/users/me/profile/", 200),
    ("GET", "/files/a/b/c", "test", "/files/{rest}", 200),
    ("GET", "/files/", "test", "/files/{rest}", 200),
    ("GET", "/both", "test", "/both", 200),
    ("POST", "/both", "test", "/both", 200),
    ("PATCH", "/both", "test", "/both", 405),
    ("GET", "/first/1", "test", "/first/{a}", 200),
    ("GET", "/second/1", "test", "/second/{b}", 200),
    ("PUT", "/second/1", "test", "/second/{b}", 405),
    ("GET", "/outer/r/twice/inner/x", "test", "/outer/{root}/twice/inner/{leaf}", 200),
    ("POST", "/outer/r/twice/inner", "test", "/outer/{root}/twice/inner", 200),
    ("DELETE", "/outer/r/twice/inner/x", "test", "/outer/{root}/twice/inner/{leaf}", 405),
    ("GET", "/v1/leaves/1", "test", "/v1/leaves/{leaf}", 200),
    ("GET", "/red/1", "test", "/red/{leaf}", 200),
    ("POST", "/red", "test", "/red", 200),
    ("GET", "/blue/navy/1", "test", "/blue/{shade}/{leaf}", 200),
    ("POST", "/blue/navy", "test", "/blue/{shade}", 200),
    ("PUT", "/blue/navy/1", "test", "/blue/{shade}/{leaf}", 405),
    ("GET", "/timed/x", "test", "/timed/{job}", 200),
    ("GET", "/shops/acme/", "test", "/shops/{shop}/", 200),
    ("GET", "/shops/acme/things/1", "test", "/shops/{shop}/things/{thing}", 200),
    ("GET", "/shops/acme/things/x", "test", "/shops/{shop}/things/{thing}", 422),
    ("POST", "/shops/acme/things/1", "test", "/shops/{shop}/things/{thing}", 405),
    ("GET", "/shops/acme/deep/b/1", "test", "/shops/{shop}/deep/{branch}/{leaf}", 200),
    ("GET", "/shops/acme/nowhere", "test", "/shops/{shop}/{path}", 404),
    ("GET", "/shops/acme/docs", "test", "/shops/{shop}/docs", 200),
    ("GET", "/shops/acme/openapi.json", "test", "/shops/{shop}/openapi.json", 200),
    ("GET", "/left/things/1", "test", "/left/things/{thing}", 200),
    ("GET", "/right/a/things/1", "test", "/right/{side}/things/{thing}", 200),
    ("GET", "/right/a/deep/b/1", "test", "/right/{side}/deep/{branch}/{leaf}", 200),
    ("GET", "/left/docs", "test", "/left/docs", 200),
    ("GET", "/star/greet/x", "test", "/star/greet/{name}", 200),
    ("GET", "/star/nowhere", "test", "/star/{path}", 404),
    ("GET", "/star/api/things/1", "test", "/star/api/things/{thing}", 200),
    ("GET", "/star/api/nowhere", "test", "/star/api/{path}", 404),
    ("GET", "/same/1/2", "test", "/same/{id}/{id}", 200),
    ("GET", "/same/1/2/x/3", "test", "/same/{id}/{id}/x/{id}", 200),
    ("GET", "/bare/whatever/it/is", "test", "/bare/{path}", 200),
    ("GET", "/static/services.py", "test", "/static/{path}", 200),
    ("GET", "/static/nothing.py", "test", "/static/{path}", 404),
    ("POST", "/static/services.py", "test", "/static/{path}", 405),
    ("GET", "/plain/x", "test", "/plain/{name}", 200),
    ("HEAD", "/plain/x", "test", "/plain/{name}", 200),
    ("POST", "/plain/x", "test", "/plain/{name}", 405),
    ("GET", "/page/5", "test", "/page/{number}", 200),
    ("POST", "/page/5", "test", "/page/{number}", 201),
    ("PUT", "/page/5", "test", "/page/{number}", 405),
    ("GET", "/partial", "test", "/partial", 200),
    ("GET", "/partial/1", "test", "/partial/{x}", 200),
    ("GET", "/hex/0xff", "test", "/hex/{value}", 200),
    ("GET", "/hex/ff", "test", "", 404),
    ("GET", "/pair/a/b/end", "test", "/pair/{value}/end", 200),
    ("GET", "/only/1", "acme.example.org", "/only/{x}", 200),
    ("GET", "/only/1", "acme.example.org:8000", "/only/{x}", 200),
    ("GET", "/only/1", "api.example.net", "/only/{y}", 200),
    ("GET", "/m/z", "api.example.net", "/m/z", 200),
    ("GET", "/only/1", "test", "", 404),
    ("GET", "/docs", "test", "/docs", 200),
    ("GET", "/redoc", "test", "/redoc", 200),
    ("GET", "/docs/oauth2-redirect", "test", "/docs/oauth2-redirect", 200),
    ("GET", "/openapi.json", "test", "/openapi.json", 200),
    ("GET", "/nowhere", "test", "", 404),
    ("GET", "/users", "test", "", 404),
    ("GET", "/USERS/5", "test", "", 404),
    ("BREW", "/users/5", "test", "/users/{user_id}", 405),
    ("OPTIONS", "/users/5", "test", "/users/{user_id}", 405),
]

REDIRECTS: list[tuple[str, str]] = [
    ("/users/5/", "/users/{user_id}"),
    ("/users/me/profile", "/users/me/profile/"),
    ("/red/1/", "/red/{leaf}"),
    ("/blue/navy/1/", "/blue/{shade}/{leaf}"),
    ("/docs/", "/docs"),
]
"""Path, and the template of the path it is redirected to."""
