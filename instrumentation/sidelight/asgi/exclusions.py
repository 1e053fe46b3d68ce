"""Paths that are not measured: that of the metrics, and those that ``exclude`` names."""

from sidelight.asgi.root_paths import MOST_ROOTS
from sidelight.settings import Settings
from sidelight.store.route_table import strip_root


class Exclusions:
    """What is not measured in one application, whatever ``root_path`` stands before it.

    ``exact`` paths and ``prefixes`` have every ``root_path`` that was seen before them: a path
    that is in neither is measured, as far as its ``root_path`` is known.
    """

    def __init__(self, settings: Settings) -> None:
        self.metrics_path = settings.metrics_path
        self.configured = bool(settings.exclude)
        self._below = tuple(path[:-1] for path in settings.exclude if path.endswith("*"))
        paths = [path for path in settings.exclude if not path.endswith("*")]
        self._paths = frozenset([*paths, *([self.metrics_path] if self.metrics_path else [])])
        self._roots: set[str] = set()
        self.exact, self.prefixes = self._paths, self._below

    def cover(self, path: str) -> bool:
        """Whether a path is not measured, where its ``root_path`` was seen."""
        return path in self.exact or path.startswith(self.prefixes)

    def excludes(self, path: str, root_path: str) -> bool:
        """Whether a path is not measured. A new ``root_path`` is remembered."""
        root = root_path.rstrip("/")
        if root and root not in self._roots and len(self._roots) < MOST_ROOTS:
            self._roots.add(root)
            self.exact |= {root + path for path in self._paths}
            self.prefixes += tuple(root + path for path in self._below)
        inner = strip_root(path, root)
        return inner in self._paths or inner.startswith(self._below)

    def is_metrics(self, method: str, path: str, root_path: str) -> bool:
        """Whether a request is for the metrics."""
        wanted = method in {"GET", "HEAD"} and self.metrics_path is not None
        return wanted and strip_root(path, root_path.rstrip("/")) == self.metrics_path

    def leave_metrics_path(self) -> None:
        """The application has a route of its own at that path, and answers itself."""
        if self.metrics_path is not None:
            self._paths -= {self.metrics_path}
        self.metrics_path = None
        self.exact, self.prefixes = self._paths, self._below
        self._roots.clear()
