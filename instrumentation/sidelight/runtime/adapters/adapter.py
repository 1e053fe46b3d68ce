"""The base of all adapters, and how they override methods of one object.

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
        """The object that readings are taken from; None once it is freed."""
        return self._weak()

    def over(self) -> bool:
        """Whether the object is closed or freed, so that its name may be used again."""
        return self.source is None

    def readings(self) -> Iterable[GaugeReading]:
        """The present values of the gauges."""
        return ()

    def forked(self) -> None:
        """Reset the counts in a forked child, which has no threads and tasks of its parent."""


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
    """For pickle and copy: the same as of the former class, which can be imported by its name."""

    def reduce_ex(self: Any, protocol: Any) -> Any:
        made = base.__reduce_ex__(self, protocol)
        if not isinstance(made, tuple):
            return made
        (function, arguments, *rest), own = made, type(self)
        former = tuple(base if part is own else part for part in arguments)
        return (base if function is own else function, former, *rest)

    return reduce_ex
