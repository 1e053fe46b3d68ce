"""The route that the router chose, as the scope of a routed request says.

Starlette and FastAPI put the chosen route in the scope as ``route``. FastAPI adds a context for a
route that came through ``include_router``, since the same route may be included several times. An
entry may be left behind by an outer router: one that belongs to another endpoint isn't used.
"""

from typing import Any
from urllib.parse import unquote

from starlette.routing import Mount
from starlette.types import Scope

from sidelight.store.route_table import strip_root

CONTEXT = "effective_route_context"
"""The key, in what FastAPI keeps in the scope, of the context of an included route."""


def chosen(scope: Scope) -> object | None:
    """The route object that a router chose, one for each place in the tree of routes.

    That of an included route is FastAPI's context of it. None where the scope tells only the
    endpoint, as for Starlette's plain routes in an application of FastAPI's.
    """
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    route = scope.get("route")
    context = scope.get("fastapi", {}).get(CONTEXT)
    if context is not None and _leads_to(_placed(context), endpoint):
        of_context = (
            getattr(context, name, None) for name in ("original_route", "starlette_route")
        )
        if not _leads_to(route, endpoint) or any(known is route for known in of_context):
            found: object = context
            return found
    return route if _leads_to(route, endpoint) else None


def path_of(route: object) -> str | None:
    """The path of a chosen route below the mounts it is in; it may name convertors."""
    path = getattr(_placed(route), "path", None)
    return path if isinstance(path, str) else None


def is_mount(route: object) -> bool:
    """Whether a chosen route hands on to another application."""
    return isinstance(_placed(route), Mount)


def mount_root(scope: Scope) -> str:
    """What mounts have added to ``root_path``: their path as it was requested."""
    root = str(scope.get("root_path", ""))
    return root.removeprefix(str(scope.get("app_root_path", root)))


def requested_path(scope: Scope) -> str:
    """The path as it was requested.

    A mounted application may have shortened it in the scope, which it shares with what is around
    it: then it lacks what mounts have added to ``root_path``, as the ``raw_path`` shows.
    """
    path: str = scope["path"]
    added = mount_root(scope)
    below = strip_root(path, str(scope.get("app_root_path", "")).rstrip("/"))
    if not added or strip_root(below, added) != below:
        return path
    whole = added + below
    raw = scope.get("raw_path")
    shortened = isinstance(raw, bytes) and unquote(raw.decode("latin-1")).endswith(whole)
    return path.removesuffix(below) + whole if shortened else path


def _placed(route: Any) -> Any:
    """The route of a context, which has the whole path; a route itself."""
    placed = getattr(route, "starlette_route", None)
    return route if placed is None else placed


def _leads_to(route: Any, endpoint: object) -> bool:
    """Whether a route's endpoint, or a mount's application, is this one."""
    target = route.app if isinstance(route, Mount) else getattr(route, "endpoint", None)
    return target is endpoint
