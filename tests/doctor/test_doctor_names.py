"""Applications that `sidelight doctor` finds by a name, and inside of what wraps them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount

from sidelight import SidelightMiddleware
from sidelight.cli import main
from sidelight.doctor.application import check_application
from sidelight.doctor.loading import load
from sidelight.errors import SidelightError

MODULE = """
import sys
from fastapi import FastAPI
from sidelight import SidelightMiddleware

def create_app(title="shop"):
    app = FastAPI(title=title)
    app.add_middleware(SidelightMiddleware)
    return app

class Holder:
    app = create_app("held")
    inner = None

holder = Holder()
holder.inner = Holder()
text = "no application"

async def create_later():
    return create_app()

class Decorated:
    def __init__(self, app):
        self.app = app

    def __call__(self, *arguments):
        return self.app(*arguments)

decorated = Decorated(create_app("decorated"))

def broken():
    raise TypeError("no database")

def leave():
    sys.exit("usage: shop")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module in the working directory."""
    name = f"shop_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return name


@pytest.mark.parametrize(
    ("attribute", "title"),
    [
        ("create_app", "shop"),
        ("create_app()", "shop"),
        ("holder.app", "held"),
        ("holder.inner.app", "held"),
        ("Holder.app", "held"),
        ("decorated", "decorated"),
    ],
)
def test_names_are_resolved_as_by_uvicorn(module: str, attribute: str, title: str) -> None:
    """A factory is called, and an attribute of an object is found."""
    found = load(f"{module}:{attribute}")
    assert getattr(found, "app", found).title == title
    done = CliRunner().invoke(main, ["doctor", f"{module}:{attribute}"])
    assert "the application is measured" in done.output


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ("", "MODULE:ATTRIBUTE"),
        ("nothing", "nothing"),
        ("holder.nothing", "nothing"),
        ("holder.inner.inner", "is no application: it is NoneType"),
        ("text", "is no application: it is str"),
        ("create_later", "is no application: it is coroutine"),
        ("broken", "no database"),
        ("leave", "usage: shop"),
    ],
)
def test_names_of_no_application(module: str, attribute: str, reason: str) -> None:
    """The error names what was given, and why it is no application."""
    with pytest.raises(SidelightError) as caught:
        load(f"{module}:{attribute}")
    assert f"{module}:{attribute}" in str(caught.value)
    assert reason in str(caught.value)


class SocketApp:
    """Wraps an application as `socketio.ASGIApp` does."""

    def __init__(self, server: Any, other_asgi_app: Any) -> None:
        self.engineio_server = server
        self.other_asgi_app = other_asgi_app
        self.on_startup = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.other_asgi_app(scope, receive, send)


class Slotted:
    """Keeps the application in a slot."""

    __slots__ = ("_inner",)

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._inner(scope, receive, send)


class Dispatcher:
    """Keeps applications by their path."""

    def __init__(self, app: Any) -> None:
        self.mounts = {"/api": app}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None: ...


def logged(app: Any) -> Any:
    """A function around an application."""

    async def logged_app(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return logged_app


async def call(app: Any, scope: Any, receive: Any, send: Any) -> None: ...


WRAPPERS: dict[str, Callable[[Any], Any]] = {
    "SocketApp": functools.partial(SocketApp, object()),
    "Slotted": Slotted,
    "Dispatcher": Dispatcher,
    "logged_app": logged,
    "partial": lambda app: functools.partial(call, app),
    "__call__": lambda app: Slotted(app).__call__,
    "CORSMiddleware": CORSMiddleware,
    "Starlette": lambda app: Starlette(routes=[Mount("/api", app)]),
}


def measured() -> FastAPI:
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, phase_sample_interval=0)
    return app


def found_in(app: Any) -> list[tuple[str, str]]:
    return [(found.level, found.what) for found in check_application(app)]


@pytest.mark.parametrize("name", WRAPPERS)
def test_an_application_inside_of_a_wrapper(name: str) -> None:
    """A wrapped application is found, and what is outside of the middleware is named."""
    wrap = WRAPPERS[name]
    first, second = found_in(wrap(measured()))[:2]
    assert first == ("ok", "the application is measured")
    assert second[0] == "warn"
    assert f"{name} is outside of SidelightMiddleware" in second[1]
    around = SidelightMiddleware(wrap(FastAPI()), phase_sample_interval=0)
    assert found_in(around) == [("ok", "the application is measured")]
    assert found_in(wrap(FastAPI())) == [("fail", "the application is not measured")]


def test_an_application_inside_of_socketio() -> None:
    """`socketio.ASGIApp` is such a wrapper."""
    socketio = pytest.importorskip("socketio", reason="comes with the viewer's extra")
    app = socketio.ASGIApp(socketio.AsyncServer(async_mode="asgi"), measured())
    assert found_in(app)[0] == ("ok", "the application is measured")


def test_two_wrappers_and_a_second_middleware() -> None:
    """Each wrapper outside is named, and a middleware on both sides of one is one too many."""
    found = found_in(Slotted(logged(SidelightMiddleware(measured(), phase_sample_interval=0))))
    assert [level for level, _ in found] == ["ok", "ok", "warn", "warn", "warn"]
    assert "added twice" in found[2][1]
    assert "Slotted is outside" in found[3][1]
    assert "logged_app is outside" in found[4][1]


def test_a_wrapper_without_an_end() -> None:
    """A wrapper that leads to itself is examined once."""
    app = Slotted(None)
    app._inner = Slotted(app)
    assert found_in(app) == [("fail", "the application is not measured")]
