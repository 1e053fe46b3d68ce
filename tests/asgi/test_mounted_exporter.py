"""An exporter behind a mount whose routes can't be seen keeps the path of the metrics."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from sidelight import SidelightMiddleware
from tests.asgi.driver import ask, call, run, scrape

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.middleware.wsgi import WSGIMiddleware

PAGE = "text/plain; version=0.0.4; charset=utf-8"


def service(kind: str, status: str = "200 OK", mount: str = "/", **options: Any) -> FastAPI:
    """A WSGI application at ``/``, whose /metrics has this type."""
    asked: list[str] = []

    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        asked.append(environ["PATH_INFO"])
        is_metrics = environ["PATH_INFO"] == "/metrics"
        start_response(status if is_metrics else "200 OK", [("Content-Type", kind)])
        return [b"their_own 1\n"]

    app = FastAPI(openapi_url=None)
    app.mount(mount, WSGIMiddleware(wsgi))
    app.add_middleware(SidelightMiddleware, **options)
    app.state.asked = asked
    return app


def test_an_exporter_in_a_wsgi_mount_wins(logged: pytest.LogCaptureFixture) -> None:
    """The first scrape and all later ones have the exporter's answer, and that is logged once."""
    app = service(PAGE)

    async def storm() -> None:
        for _ in range(3):
            assert (await ask(app, "GET", "/metrics")).text == "their_own 1\n"

    run(storm())
    assert app.state.asked == ["/metrics"] * 3
    found = [r.getMessage() for r in logged.records if "metrics_path" in r.getMessage()]
    assert len(found) == 1
    assert "/metrics is a route of the application's own" in found[0]


def test_metrics_beside_the_exporter() -> None:
    """With another metrics_path both pages are there."""
    app = service(PAGE, metrics_path="/sidelight")
    assert call(app, "GET", "/metrics").text == "their_own 1\n"
    page = call(app, "GET", "/sidelight").page
    assert page.routes == {"/{path}": 1}
    assert app.state.asked == ["/metrics"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("text/html", "200 OK"), ("text/plain", "200 OK"), (PAGE, "404 Not Found")],
)
def test_any_other_answer_leaves_the_page_ours(kind: str, status: str) -> None:
    """A page of another type, or no page, is asked for once and never shown."""
    app = service(kind, status)
    for _ in range(2):
        page = scrape(app)
        assert page.value("sidelight_build_info") == 1
        assert page.routes == {}
    assert app.state.asked == ["/metrics"]


def test_a_mount_elsewhere_is_not_asked() -> None:
    """A mount that the path of the metrics isn't below sees nothing of a scrape."""
    app = service(PAGE, mount="/other")
    assert scrape(app).value("sidelight_build_info") == 1
    assert app.state.asked == []


def test_static_files_at_the_root(tmp_path: Path) -> None:
    """Static files at ``/`` leave the metrics where they are."""
    app = FastAPI(openapi_url=None)
    app.mount("/", StaticFiles(directory=tmp_path))
    app.add_middleware(SidelightMiddleware)
    assert scrape(app).value("sidelight_build_info") == 1
