"""Looks for an application inside of what wraps it: middleware, a mount, a function."""

from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.asgi.route_objects import mounted

MAX_OBJECTS = 1000


def is_application(app: Any) -> bool:
    """Whether an object is an application of Starlette or FastAPI."""
    return hasattr(app, "user_middleware")


def path_to(start: Any, wanted: Callable[[Any], bool]) -> list[Any]:
    """The shortest chain of applications from ``start`` to one that is wanted; [] without one."""
    paths, seen = deque([[start]]), {id(start)}
    while paths and len(seen) < MAX_OBJECTS:
        path = paths.popleft()
        if wanted(path[-1]):
            return path
        for inner in _inside(path[-1]):
            if callable(inner) and not isinstance(inner, type) and id(inner) not in seen:
                seen.add(id(inner))
                paths.append([*path, inner])
    return []


def _inside(app: Any) -> Iterator[Any]:
    """The objects that an application may pass a request on to."""
    if isinstance(app, SidelightMiddleware):
        yield app.app
    elif is_application(app):
        yield from mounted(getattr(app, "routes", ()))
    else:
        for value in _values(app):
            if isinstance(value, Mapping):
                yield from value.values()
            elif isinstance(value, Collection) and not isinstance(value, str | bytes):
                yield from value
            yield value


def _values(app: Any) -> Iterator[Any]:
    """What an object, a function or a method holds."""
    yield from getattr(app, "__dict__", {}).values()
    for cls in type(app).__mro__:
        slots = vars(cls).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            yield getattr(app, name, None)
    if isinstance(app, partial):
        yield from (app.func, app.args, app.keywords)
    elif isinstance(app, MethodType):
        yield app.__self__
    elif isinstance(app, FunctionType):
        yield from (app.__globals__.get(name) for name in app.__code__.co_names)
        for cell in app.__closure__ or ():
            with suppress(ValueError):  # a variable that is not set yet
                yield cell.cell_contents
