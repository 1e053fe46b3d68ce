"""Sidelight: what a FastAPI service is doing, and why it is slow, by route."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sidelight.errors import SettingsError, SidelightError, WatchError

if TYPE_CHECKING:
    from sidelight.asgi.middleware import SidelightMiddleware
    from sidelight.runtime.timed import timed
    from sidelight.runtime.watching import watch

__all__ = ["SettingsError", "SidelightError", "SidelightMiddleware", "WatchError", "timed", "watch"]

_LATER = {
    "SidelightMiddleware": "sidelight.asgi.middleware",
    "timed": "sidelight.runtime.timed",
    "watch": "sidelight.runtime.watching",
}
"""Names that are imported at their first use: every run of pytest imports this module."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)
