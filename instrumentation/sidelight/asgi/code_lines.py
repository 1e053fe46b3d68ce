"""The lines of code that a stack shows: the application's own, or else a library's.

Everything below the event loop, such as the script that started the server, says nothing about
what runs on the loop. Middlewares of the application are below the route that was chosen, and are
named only where the stack does not go as far as a route.
"""

import asyncio
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache, partial
from inspect import CO_COROUTINE
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from sidelight.runtime.attribute import attribute

MOST_LINES = 3
NO_PYTHON = "a function that is not written in Python"
OURS = str(Path(__file__).parent.parent)
FRAMEWORKS = frozenset(
    {
        "a2wsgi", "anyio", "asgiref", "daphne", "fastapi", "granian", "gunicorn", "h11",
        "httptools", "hypercorn", "mangum", "sidelight", "starlette", "trio", "uvicorn",
        "uvicorn_worker", "uvloop",
    }
)  # fmt: skip
"""Packages of servers and of the framework."""
ROUTING = ("/fastapi/routing.py", "/starlette/routing.py")
INSTALLED = ("site-packages", "dist-packages")
"""Names of the folders that packages are installed in."""


def _loop_codes() -> frozenset[CodeType]:
    run = (
        asyncio.Handle._run,  # noqa: SLF001 the one place that every callback passes
        asyncio.BaseEventLoop.run_forever,
        asyncio.BaseEventLoop.run_until_complete,
        asyncio.Runner.run,
        asyncio.run,
    )
    return frozenset(function.__code__ for function in run)


LOOP_CODES = _loop_codes()
STANDARD_LIBRARY = tuple(
    {sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib")}
    | {str(Path(asyncio.__file__).parent.parent) + "/", "<"}
)


def lines_of(frame: FrameType, endpoint: object = None) -> tuple[str, ...]:
    """The innermost lines of the application's code, as ``file:line in function``.

    The package that holds the endpoint belongs to the application, also where it is installed.
    Without any code of the application's these are lines of a library, with its package.
    """
    frames = list(frames_on_loop(frame))
    home = home_of(endpoint)
    own = [each for each in frames if is_own(each.f_code.co_filename, home)]
    if own:
        return tuple(_line(each) for each in own[:MOST_LINES])
    libraries = [each for each in frames if not _is_standard(each.f_code.co_filename)]
    above = []
    for each in libraries:
        if package_of(each.f_code.co_filename) in FRAMEWORKS:
            break
        above.append(each)
    shown = above[:1] + above[1:][-1:] or libraries[:1] or frames[:1]
    return tuple(_line(each, package=True) for each in shown) or (NO_PYTHON,)


def frames_on_loop(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames that run on the loop, from the innermost to the one that a route begins in."""
    while frame is not None and frame.f_code not in LOOP_CODES:
        if not _is_script(frame):
            yield frame
        if _leads_to_endpoint(frame.f_code):
            return
        frame = frame.f_back


def _leads_to_endpoint(code: CodeType) -> bool:
    """Whether it is the router; its functions that are no coroutines are called from endpoints."""
    path = code.co_filename.replace("\\", "/")
    return bool(code.co_flags & CO_COROUTINE) and path.endswith(ROUTING)


def _is_script(frame: FrameType) -> bool:
    """Whether it is the script that the process was started with, such as ``bin/uvicorn``."""
    return frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") in {
        "__main__",
        "__mp_main__",
    }


def _line(frame: FrameType, *, package: bool = False) -> str:
    code = frame.f_code
    name = package_of(code.co_filename) if package else ""
    of = f" of the package {name}" if name else ""
    return f"{code.co_filename}:{frame.f_lineno} in {code.co_qualname}{of}"


def is_own(path: str, home: frozenset[str]) -> bool:
    """Whether a file is the application's."""
    if str(Path(path).parent) in home:
        return True
    package = package_of(path)
    return package in home if package else not _is_standard(path)


def _is_standard(path: str) -> bool:
    """Whether a file is of the standard library, or no file."""
    return not package_of(path) and path.startswith(STANDARD_LIBRARY)


@cache
def package_of(path: str) -> str:
    """The name of the installed package that a file is part of; empty where it is none."""
    if path.startswith(OURS):
        return "sidelight"
    parts = Path(path).parts
    for at in range(len(parts) - 2, 0, -1):
        if parts[at] in INSTALLED:
            return parts[at + 1].removesuffix(".py")
    return ""


def home_of(endpoint: object) -> frozenset[str]:
    """The installed packages of the distribution that an endpoint is part of."""
    name = attribute(unwrapped(endpoint), "__module__")
    path = attribute(sys.modules.get(name), "__file__") if type(name) is str else None
    return _home_of(path) if type(path) is str else frozenset()


def unwrapped(endpoint: Any) -> Any:
    """The function that partial functions were made of; anything else as it is."""
    while issubclass(type(endpoint), partial):
        endpoint = endpoint.func
    return endpoint


@cache
def _home_of(path: str) -> frozenset[str]:
    """What belongs to the application because a file does; the demo's folder is in ours."""
    package = package_of(path)
    if package == "sidelight":
        return frozenset({str(Path(path).parent)})
    if not package or package in FRAMEWORKS:
        return frozenset()
    parts = Path(path).parts
    folder = next(each for each in Path(path).parents if each.name in INSTALLED)
    return frozenset({package}) | _siblings(folder, parts[len(folder.parts)])


def _siblings(folder: Path, name: str) -> frozenset[str]:
    """The packages that the same distribution installed."""
    for record in folder.glob("*.dist-info/RECORD"):
        lines = record.read_text(errors="replace").splitlines()
        names = {line.partition("/")[0].partition(",")[0] for line in lines}
        if name in names:
            return frozenset(
                each.removesuffix(".py")
                for each in names
                if not each.endswith((".dist-info", ".pth", ".."))
            )
    return frozenset()
