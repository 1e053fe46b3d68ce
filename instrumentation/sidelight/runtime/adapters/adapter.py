"""What all adapters have in common."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

from sidelight.runtime.instruments import GaugeReading

Method = Callable[..., Any]


class Adapter:
    """How one object is watched. Its reference to the object is weak.

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

    def readings(self) -> Iterable[GaugeReading]:
        """The gauges of this moment."""
        return ()

    def forked(self) -> None:
        """In a forked child: what the parent's threads and tasks were doing is not done here."""
