"""Templates of paths below mounts whose routes can't be seen."""

import warnings
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse

from sidelight import SidelightMiddleware
from tests.asgi.driver import ask, call, run, scrape

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.middleware.wsgi import WSGIMiddleware

TEMPLATES = ["/api/runs/{action}", "/api/models/{name}/{rest:path}", "/seen/{x}", "/proxy/{x}/end"]


def wsgi(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"wsgi"]


def service(**options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)
    app.get("/seen/{name}")(lambda name: name)
    app.get("/proxy/{rest:path}")(lambda rest: rest)
    app.mount("/api", WSGIMiddleware(wsgi))
    app.mount("/other", WSGIMiddleware(wsgi))
    app.add_middleware(SidelightMiddleware, path_templates=TEMPLATES, **options)
    return app


def test_paths_below_a_mount() -> None:
    """A path below a mount counts under the first template that matches, else under the mount's."""
    app = service()

    async def storm() -> None:
        for _ in range(2):
            for path in ("runs/create", "runs/get", "models/m/versions/1", "runs/a/b", "none"):
                assert (await ask(app, "GET", f"/api/{path}")).status == 200
            for path in ("/seen/1", "/other/runs/x", "/proxy/1/end", "/proxy/1"):
                assert (await ask(app, "GET", path)).status == 200

    run(storm())
    page = scrape(app)
    assert page.routes == {
        "/api/runs/{action}": 4,
        "/api/models/{name}/{rest}": 2,
        "/api/{path}": 4,
        "/seen/{name}": 2,
        "/other/{path}": 2,
        "/proxy/{x}/end": 2,
        "/proxy/{rest}": 2,
    }
    assert page.value("sidelight_internal_errors_total") == 0


def test_a_root_path_in_front_of_a_template() -> None:
    """The ``root_path`` of the server stands before a template of the settings as well."""
    app = service()
    assert call(app, "GET", "/base/api/runs/get", scope={"root_path": "/base"}).status == 200
    assert scrape(app).routes == {"/base/api/runs/{action}": 1}


async def shortening(scope: Any, receive: Any, send: Any) -> None:
    """An application that takes the path it is mounted at off the path in the scope."""
    scope["path"] = scope["path"].removeprefix(scope["root_path"])
    await PlainTextResponse("short")(scope, receive, send)


@pytest.mark.parametrize("root", ["", "/base"])
def test_a_mount_that_shortens_the_path(logged: pytest.LogCaptureFixture, root: str) -> None:
    """A path that a mounted application shortens in place counts as it was requested."""
    app = FastAPI(openapi_url=None)
    for prefix in ("/api", "/other"):
        app.mount(prefix, shortening)
    app.add_middleware(
        SidelightMiddleware,
        path_templates=TEMPLATES,
        slow_request_threshold=1e-9,
        log_request_path=True,
    )
    for path in ("/api/runs/get", "/other/x"):
        assert call(app, "GET", root + path, scope={"root_path": root}).text == "short"
    assert scrape(app).routes == {f"{root}/api/runs/{{action}}": 1, f"{root}/other/{{path}}": 1}
    paths = [record.sidelight["path"] for record in logged.records if hasattr(record, "sidelight")]
    assert [path.removeprefix(root) for path in paths] == ["/api/runs/get", "/other/x"]


def test_in_flight_the_template_is_the_same() -> None:
    """A request in flight below a mount has the template that it is counted under."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(SidelightMiddleware, path_templates=TEMPLATES)
    seen: list[str] = []

    @app.get("/proxy/{rest:path}")
    async def proxy(rest: str) -> None:
        page = (await ask(app, "GET", "/metrics")).page
        seen.extend(page.by("fastapi_active_requests", "http_route"))

    call(app, "GET", "/proxy/1/end")
    assert seen == list(scrape(app).routes) == ["/proxy/{x}/end"]


def test_a_threshold_of_a_template() -> None:
    """``slow_request_threshold`` may name a template of the settings."""
    app = service(slow_request_threshold={"GET /api/runs/{action}": 1e-9})
    call(app, "GET", "/api/runs/get")
    call(app, "GET", "/api/none")
    slow = scrape(app).by("fastapi_slow_requests_total", "http_route")
    assert slow == {"/api/runs/{action}": 1}
