"""Paths that are not measured: our own page's, and those that ``exclude`` names."""

from starlette.types import Scope

from sidelight.asgi.labels import MOST_ROOTS
from sidelight.settings import Settings
from sidelight.store.route_table import strip_root


class Apart:
    """What is apart in one application, whatever ``root_path`` stands before it.

    ``exact`` paths and ``prefixes`` are with every ``root_path`` that was seen: a path that is in
    neither is measured, as far as its ``root_path`` is known.
    """

    def __init__(self, settings: Settings) -> None:
        self._page = settings.metrics_path
        self._below = tuple(path[:-1] for path in settings.exclude if path.endswith("*"))
        paths = [path for path in settings.exclude if not path.endswith("*")]
        self._paths = frozenset([*paths, *([self._page] if self._page else [])])
        self._roots: set[str] = set()
        self.exact, self.prefixes = self._paths, self._below

    def has(self, scope: Scope) -> bool:
        """Whether a request's path is apart."""
        root = scope.get("root_path", "").rstrip("/")
        if root and root not in self._roots and len(self._roots) < MOST_ROOTS:
            self._roots.add(root)
            self.exact |= {root + path for path in self._paths}
            self.prefixes += tuple(root + path for path in self._below)
        path = strip_root(scope["path"], root)
        return path in self._paths or path.startswith(self._below)

    def asks_for_page(self, scope: Scope) -> bool:
        """Whether a request is for our own page."""
        path = strip_root(scope["path"], scope.get("root_path", "").rstrip("/"))
        ours = self._page is not None and path == self._page and path in self._paths
        return ours and scope["method"] in {"GET", "HEAD"}

    def leave_page(self) -> None:
        """The application has a route where our page would be, and keeps its answer."""
        self._paths -= {self._page}
        self.exact, self.prefixes = self._paths, self._below
        self._roots.clear()
