"""The request that code works for, as its context tells: also in tasks that the request started."""

from contextvars import ContextVar
from typing import Any, Protocol

from sidelight.contract import UNKNOWN
from sidelight.runtime.faults import guarded


class Requested(Protocol):
    """What requests have in common that the running one is found by."""

    recorder: Any

    def route_of(self, path: str) -> str:
        """The route of a request, by its path."""


Origin = tuple[Requested, str]
"""The key of a request, and its path."""
ORIGIN: ContextVar[Origin | None] = ContextVar("sidelight_origin", default=None)
"""The origin of the request in which code runs, or that started the task it runs in.

The scope would stay in memory for as long as any task or connection that a request started.
"""


def route_of(origin: Origin | None) -> str:
    """The route of a request; empty outside of any. May be called from any thread; never raises."""
    if origin is None:
        return ""
    with guarded("origin"):
        key, path = origin
        return key.route_of(path)
    return UNKNOWN
