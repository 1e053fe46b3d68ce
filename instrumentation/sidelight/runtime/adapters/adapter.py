"""What all adapters have in common."""

import weakref
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec

from sidelight.contract import METRICS
from sidelight.runtime import instruments
from sidelight.runtime.instruments import Reading

INTERNAL_ERRORS = METRICS["sidelight_internal_errors_total"]

Method = Callable[..., Any]
P = ParamSpec("P")


def quiet(function: Callable[P, None]) -> Callable[P, None]:
    """A fault of ours is counted, and the caller does not notice."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            function(*args, **kwargs)
        except Exception:  # noqa: BLE001 whatever it is, it is none of the caller's
            instruments.count(INTERNAL_ERRORS, ("watch",))

    return run


class Adapter:
    """How one object is watched. It holds the object weakly, and is held by its class.

    ``overlaid`` is that class, which no other object has.
    """

    overlaid: Callable[[], type | None]

    def __init__(self, given: Any, name: str) -> None:
        self.name = name
        self._weak: Callable[[], Any] = weakref.ref(given)

    @staticmethod
    def subject(given: Any) -> Any:
        """The object whose methods are overlaid: the given one, or one inside of it."""
        return given

    def methods(self, base: type) -> Iterable[Method]:
        """What to put above methods of the same names of the subject's class, ``base``."""
        raise NotImplementedError

    @property
    def source(self) -> Any:
        """What readings are taken from; None once it is gone."""
        return self._weak()

    def over(self) -> bool:
        """Whether there is nothing left to watch, so that the name is free again."""
        return self.source is None

    def readings(self) -> Iterable[Reading]:
        """The gauges of this moment."""
        return ()

    def forked(self) -> None:
        """In a forked child: what the parent's threads and tasks were doing is not done here."""
