"""What all adapters have in common, and how they overlay methods of one object.

The object gets a class of its own, below its former one. Unlike functions stored on the
object, this makes no reference cycles, so that the object is freed when it was before; it
works with ``__slots__``; and bound methods, signatures, ``isinstance`` and ``repr`` are what
they were. Pickles and copies are of the former class, and are not watched.
"""

import weakref
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from sidelight.runtime.instruments import GaugeReading

Method = Callable[..., Any]
MARK = "__sidelight_adapter__"


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


def overlay(subject: Any, adapter: Adapter) -> None:
    """Let calls of an object pass through its adapter.

    Raises AttributeError or TypeError if the object isn't what the adapter was made for.
    """
    base: Any = type(subject)
    meta: Any = type(base)
    body: dict[str, Any] = {
        "__slots__": (),
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        "__reduce_ex__": _reducer(base),
        MARK: adapter,
    }
    for method in adapter.methods(base):
        name = method.__name__
        body[name] = wraps(getattr(base, name))(method)
    overlaid = meta(base.__name__, (base,), body)
    adapter.overlaid = weakref.ref(overlaid)
    subject.__class__ = overlaid


def adapter_of(subject: Any) -> Adapter | None:
    """The adapter of an object that is watched already."""
    found = getattr(type(subject), MARK, None)
    return found if isinstance(found, Adapter) else None


def _reducer(base: Any) -> Callable[[Any, Any], Any]:
    """What pickle and copy ask: as for the former class, which can be found by its name."""

    def reduce_ex(self: Any, protocol: Any) -> Any:
        made = base.__reduce_ex__(self, protocol)
        if not isinstance(made, tuple):
            return made
        (function, arguments, *rest), own = made, type(self)
        former = tuple(base if part is own else part for part in arguments)
        return (base if function is own else function, former, *rest)

    return reduce_ex
