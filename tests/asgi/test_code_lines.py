"""Which lines of code are shown of a stack, in applications whose code is installed or not."""

import asyncio
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from fastapi import Depends, FastAPI, routing
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight.asgi.code_lines import NO_PYTHON, lines_of
from sidelight.asgi.loop_blocks import scope_of
from tests.hostile import Hostile

Look = Callable[..., None]

LIBRARY = """
from fastapi import Request

def outer(look):
    return inner(look)

def inner(look):
    return look()

async def checked(request: Request):
    inner(request.app.state.look)

async def middleware(look, scope, receive, send):
    inner(look)
"""
SERVICE = """
from fastapi import FastAPI
import mylibrary
from myhelper import helped

def service(look):
    app = FastAPI()

    @app.get("/own")
    async def own():
        look()

    @app.get("/library")
    async def library():
        mylibrary.outer(look)

    @app.get("/helper")
    async def helper():
        helped(look)
    return app
"""
FILES = {
    "mylibrary.py": LIBRARY,
    "mylibrary-1.dist-info/RECORD": "mylibrary.py,,\n",
    "myservice/__init__.py": SERVICE,
    "myhelper/__init__.py": "def helped(look):\n    look()\n",
    "myservice-1.dist-info/RECORD": "../../../bin/serve,,\nmyservice/__init__.py,sha256=x,1\n"
    "myhelper/__init__.py,,\nmyservice-1.dist-info/RECORD,,\n",
}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages: a library, and a service of two packages."""
    folder = tmp_path / "site-packages"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.syspath_prepend(folder)
    for name in ("mylibrary", "myservice", "myhelper"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return folder


@pytest.fixture
def library(installed: Path) -> ModuleType:
    """The library, imported from that folder."""
    assert installed.is_dir()
    return importlib.import_module("mylibrary")


def seen(make: Callable[[Look], ASGIApp], path: str = "/") -> tuple[str, ...]:
    """What a look at the stack shows while a request runs, as the watchdog looks."""
    found: list[tuple[str, ...]] = []

    def look(**_: object) -> None:
        frame = sys._getframe(1)
        scope = scope_of(frame)
        found.append(lines_of(frame, scope.get("endpoint") if scope else None))

    app = make(look)

    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    TestClient(answers, raise_server_exceptions=False).get(path)
    (lines,) = found
    return lines


def test_code_of_an_installed_service_is_its_own(installed: Path) -> None:
    """Code in site-packages is the application's where its distribution has the endpoint."""
    service = importlib.import_module("myservice").service
    assert seen(service, "/own") == (
        f"{installed}/myservice/__init__.py:11 in service.<locals>.own",
    )
    assert seen(service, "/library") == (
        f"{installed}/myservice/__init__.py:15 in service.<locals>.library",
    )
    assert seen(service, "/helper") == (
        f"{installed}/myhelper/__init__.py:2 in helped",
        f"{installed}/myservice/__init__.py:19 in service.<locals>.helper",
    )


def test_a_library_that_the_framework_calls(installed: Path, library: ModuleType) -> None:
    """The library's lines are shown with its package, and not the middleware below the route."""

    def make(look: Look) -> ASGIApp:
        app = FastAPI()
        app.state.look = look

        @app.get("/", dependencies=[Depends(library.checked)])
        async def endpoint() -> None:
            """Is not reached before the dependency has run."""

        return app

    assert seen(make) == (
        f"{installed}/mylibrary.py:8 in inner of the package mylibrary",
        f"{installed}/mylibrary.py:11 in checked of the package mylibrary",
    )


def test_code_of_a_middleware(library: ModuleType) -> None:
    """Where no route is on the stack, the application's middleware is shown."""

    def own(look: Look) -> ASGIApp:
        async def middleware(_: Scope, __: Receive, ___: Send) -> None:
            library.outer(look)

        return middleware

    inner, outer = seen(own)
    assert inner.endswith(" in test_code_of_a_middleware.<locals>.own.<locals>.middleware")
    assert outer.endswith(" in seen.<locals>.answers")


def test_the_framework_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Code of the framework's alone is shown as the line in it, with its package."""

    def make(look: Look) -> ASGIApp:
        app = FastAPI()

        @app.get("/")
        async def endpoint() -> None:
            """Answers at once."""

        monkeypatch.setattr(routing, "serialize_response", look)
        return app

    (line,) = seen(make)
    assert line.startswith(f"{routing.__file__}:")
    assert line.endswith("app of the package fastapi")


def test_the_script_that_started_the_server_is_never_shown() -> None:
    """A callback in C has no line, though a script and a server's code are on the stack."""
    found: list[tuple[str, ...]] = []

    async def main() -> None:
        asyncio.get_running_loop().call_soon(lambda: found.append(lines_of(sys._getframe(1))))
        await asyncio.sleep(0)

    script = {"__name__": "__main__", "asyncio": asyncio, "main": main}
    exec(compile("asyncio.run(main())", "/opt/shop/bin/granian", "exec"), script)  # noqa: S102 a script of another name
    assert found == [(NO_PYTHON,)]


VALUES = {
    "hostile": Hostile(),
    "list": {"type": []},
    "hostile_type": {"type": Hostile()},
    "empty": {},
    "none": None,
}


@pytest.mark.parametrize("name", VALUES)
def test_a_variable_may_be_called_as_a_scope(name: str) -> None:
    """A local variable of that name that is no scope is passed by, whatever it is."""

    def look(scope: object) -> object:
        found = scope_of(sys._getframe())
        del scope
        return found

    assert look(VALUES[name]) is None
