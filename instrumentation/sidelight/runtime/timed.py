"""`sidelight.timed`: how long a dependency takes, marked where it is defined.

Marked there and not where it is used, it stays one object: `dependency_overrides` and the
cache of a request go by it.
"""

import inspect
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType
from typing import Any, TypeVar, cast, overload

from sidelight.cardinality import CardinalityLimiter
from sidelight.runtime import stopwatch
from sidelight.runtime.stopwatch import Stopwatch
from sidelight.settings import disabled

Dependency = TypeVar("Dependency", bound=Callable[..., Any])

MOST_NAMES = 256
_label = CardinalityLimiter(MOST_NAMES)


@overload
def timed(dependency: Dependency, /) -> Dependency: ...


@overload
def timed(*, name: str) -> Callable[[Dependency], Dependency]: ...


def timed(dependency: Any = None, /, *, name: str = "") -> Any:
    """Measure a dependency: a function, a generator, a class, or a callable instance.

    What comes before a generator's ``yield`` is the step setup, what comes after it teardown.
    The label ``dependency`` is ``name``, or else the module and the qualified name; it is for
    a name in the code, never a value from a request. A class is measured while it makes an
    instance. A class and an instance are modified and returned, and not wrapped.
    """
    if dependency is None:
        return lambda marked: timed_as(marked, name)
    return timed_as(dependency, name)


def timed_as(dependency: Dependency, name: str) -> Dependency:
    """Measure a dependency under a name, or under its qualified name."""
    if disabled():
        return dependency
    watch = Stopwatch(_label(name or _name(dependency)))
    if isinstance(dependency, type):
        _time_class(dependency, watch)
        return dependency
    named = inspect.isroutine(dependency) or not inspect.isfunction(type(dependency).__call__)
    if not named:
        with suppress(TypeError):  # an instance that can't be another class's: it is wrapped
            _time_instance(dependency, watch)
            return dependency
    return cast("Dependency", stopwatch.wrap(dependency, watch))


def _time_class(cls: Any, watch: Stopwatch) -> None:
    """Instances of exactly this class are measured while they are made."""
    for name in ("__init__", "__new__"):
        method = getattr(cls, name)
        if isinstance(method, FunctionType):
            wrapped = stopwatch.wrap_for(cls, method, watch)
            setattr(cls, name, staticmethod(wrapped) if name == "__new__" else wrapped)
            return


def _time_instance(instance: Any, watch: Stopwatch) -> None:
    """Give an instance a class of its own, which differs in its ``__call__`` alone."""
    kind: Any = type(instance)
    members = {
        "__call__": stopwatch.wrap(kind.__call__, watch),
        "__slots__": (),
        "__module__": kind.__module__,
        "__qualname__": kind.__qualname__,
        "__doc__": kind.__doc__,
    }
    # Not by setattr: a class may have one that refuses, as frozen dataclasses do.
    object.__setattr__(instance, "__class__", type(kind)(kind.__name__, (kind,), members))


def _name(dependency: Any) -> str:
    """Module and qualified name, of the class where it is an instance."""
    inner = inspect.unwrap(dependency)
    inner = getattr(inner, "func", inner)  # of a partial
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{named.__module__}.{named.__qualname__}"
