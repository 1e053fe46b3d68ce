"""The line of the application's code at which a request waits, and what it awaits there."""

from collections.abc import Sequence
from threading import Thread
from types import CodeType
from typing import Any, NamedTuple

from starlette.middleware.base import BaseHTTPMiddleware

from sidelight.asgi.call_names import call_name, type_name
from sidelight.asgi.code_lines import home_of, package_of, unwrapped
from sidelight.asgi.code_place import (
    OTHER_PLACE,
    CodePlace,
    first_line_of,
    innermost_own,
    is_own_file,
    place_of,
)
from sidelight.contract import OTHER
from sidelight.runtime.attribute import attribute
from sidelight.runtime.await_link import code_of, frame_of_link, is_future, is_task, referents
from sidelight.runtime.await_tree import AwaitTree
from sidelight.runtime.thread_frame import frame_of

IN_THREAD = "run_sync_in_worker_thread"
"""The coroutine of AnyIO that refers to the thread which it waits for."""
CALL_NEXT = next(
    (
        each
        for each in BaseHTTPMiddleware.__call__.__code__.co_consts
        if isinstance(each, CodeType) and each.co_name == "call_next"
    ),
    None,
)
"""A middleware that awaits this waits for the rest of the application."""


class WaitPlace(NamedTuple):
    """A line of code, and the first public call below it; both may be empty."""

    code: CodePlace
    awaited: str = ""

    def __str__(self) -> str:
        awaited = f"awaiting {self.awaited}" if self.awaited else ""
        return ", ".join(filter(None, (str(self.code), awaited)))


OTHER_WAIT = WaitPlace(OTHER_PLACE, OTHER)


def wait_place(tree: AwaitTree, endpoint: object) -> WaitPlace:
    """Where something waits that runs an endpoint.

    Without a line of the application's own it is the endpoint itself, and what the framework
    awaits for it.
    """
    found = _place(tree, home_of(endpoint))
    return found or WaitPlace(_definition(endpoint), _below_router(tree.links))


def _place(tree: AwaitTree, home: frozenset[str]) -> WaitPlace | None:
    """The line of a chain, or else of the first task of a group that it has started."""
    found, passes_on = _own(tree.links, home)
    if found is None or passes_on:
        below = (_place(each, home) for each in tree.children())
        found = next(filter(None, below), found)
    return found


def _own(links: Sequence[Any], home: frozenset[str]) -> tuple[WaitPlace | None, bool]:
    """The innermost line of a chain, and whether it is a middleware's that awaits the rest."""
    passes_on = False
    for at in range(len(links) - 1, -1, -1):
        code = code_of(links[at])
        if code is None:
            continue
        if code.co_name == IN_THREAD and package_of(code.co_filename) == "anyio":
            found = _in_thread(links[at], home)
            if found is not None:
                return found, False
        passes_on = passes_on or code is CALL_NEXT
        if is_own_file(code.co_filename, home):
            frame = frame_of_link(links[at])
            if frame is not None:
                return WaitPlace(place_of(frame), _awaited(links[at + 1 :])), passes_on
    return None, passes_on


def _in_thread(link: Any, home: frozenset[str]) -> WaitPlace | None:
    """The line at which the thread is that a coroutine waits for."""
    for each in referents(link):
        if issubclass(type(each), Thread):
            found = innermost_own(frame_of(each.ident or 0), home)
            if found is not None:
                own, called = found
                return WaitPlace(place_of(own), call_name(called))
    return None


def _awaited(links: Sequence[Any]) -> str:
    """The first public call of what the application's line awaits."""
    for link in links:
        name = call_name(frame_of_link(link))
        if name:
            return name
    return next(filter(None, map(_name, reversed(links))), "")


def _name(link: Any) -> str:
    if is_future(link):
        return "asyncio.Task" if is_task(link) else "asyncio.Future"
    return "" if code_of(link) else type_name(link)


def _below_router(links: Sequence[Any]) -> str:
    """The first public call below the framework's router."""
    at = 0
    for number, link in enumerate(links, 1):
        code = code_of(link)
        if code is not None and code.co_filename.replace("\\", "/").endswith(ROUTER):
            at = number
    return _awaited(links[at:])


ROUTER = ("/fastapi/routing.py", "/starlette/routing.py", "/fastapi/dependencies/utils.py")
"""Files of the framework that run endpoints and dependencies."""


def _definition(endpoint: Any) -> CodePlace:
    endpoint = unwrapped(endpoint)
    code = attribute(endpoint, "__code__")
    if type(code) is not CodeType:
        return CodePlace()
    return first_line_of(code, attribute(endpoint, "__module__"))
