"""The ``root_path`` in front of a route label: one that the server or the application set.

A middleware may take a ``root_path`` from a header, where a client can write anything. So one that
a request names in a header, whole or as a segment, is no part of a label, unless Sidelight is the
outermost middleware and it came from the server, or another request had it without naming it.
"""

import re
from collections.abc import Callable

from starlette.types import Scope

MOST_ROOTS = 16
SEPARATORS = re.compile(r"[\s,;=]+")


class RootPaths:
    """Those that may be a part of labels."""

    def __init__(self, on_given: Callable[[], None]) -> None:
        """``on_given`` is called when one more may be a part of labels."""
        self._given: set[str] = set()
        self._on_given = on_given

    def label(self, scope: Scope, *, learn: bool = True) -> str | None:
        """What stands before the template of a request's route; None if there are too many."""
        root = root_of(scope)
        if not root or root in self._given:
            return root
        if root != _configured(scope) and _is_named(scope, root):
            return ""
        if len(self._given) >= MOST_ROOTS:
            return None
        if learn:
            self._give(root)
        return root

    def entered(self, scope: Scope) -> None:
        """A request came straight from the server, whose ``root_path`` it has."""
        root = root_of(scope)
        if root and root not in self._given and len(self._given) < MOST_ROOTS:
            self._give(root)

    def _give(self, root: str) -> None:
        self._given.add(root)
        self._on_given()


def root_of(scope: Scope) -> str:
    """``root_path`` as it was before any mount added to it."""
    root = scope.get("app_root_path", scope.get("root_path", ""))
    return str(root).rstrip("/")


def is_from_server(scope: Scope, middleware: type) -> bool:
    """Whether no other middleware of the application's has seen a request before this one."""
    app = scope.get("app")
    outermost = next(iter(getattr(app, "user_middleware", ())), None)
    return app is None or getattr(outermost, "cls", None) is middleware


def _configured(scope: Scope) -> str:
    """The application's own ``root_path``."""
    root = getattr(scope.get("app"), "root_path", "")
    return root.rstrip("/") if isinstance(root, str) else ""


def _is_named(scope: Scope, root: str) -> bool:
    """Whether a header of the request holds it, or one of its segments."""
    named = {root.strip("/"), *filter(None, root.split("/"))}
    return any(
        part.strip('/"') in named
        for _, value in scope.get("headers", ())
        for part in SEPARATORS.split(bytes(value).decode("latin-1"))
    )
