"""`sidelight.watch`: measure an executor, a connection pool or an HTTP client."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TypeVar

from sidelight.errors import WatchError
from sidelight.runtime import adapters, instruments
from sidelight.runtime.adapters.adapter import Adapter, adapter_of, overlay
from sidelight.runtime.instruments import GaugeReading
from sidelight.settings import disabled

T = TypeVar("T")

logger = logging.getLogger("sidelight")

_lock = threading.RLock()
_watched: dict[str, Adapter] = {}
_names: set[str] = set()
MOST_NAMES = 100
"""Each is a label value until the process ends, even if its object is freed before."""


def watch(obj: T, *, name: str) -> T:
    """Measure an object from now on, under a name of your choice; the object is returned.

    The name is the value of a label: one that says what the object is for, not what came in
    with a request. Raises `WatchError` for an object of an unknown kind, for one that is
    watched under another name, and for a name that another living object has.
    """
    adapter = adapters.find(obj)
    given: object = name
    if not isinstance(given, str) or not given:
        raise WatchError(f"name={name!r}: a name is a text that isn't empty, such as 'orders'")
    if not disabled():
        with _lock:
            _begin(obj, name, adapter)
    return obj


def _begin(obj: object, name: str, adapter: type[Adapter]) -> None:
    subject = adapter.subject(obj)
    known = adapter_of(subject)
    if known is not None and known.name == name:
        return
    kind = f"{type(obj).__module__}.{type(obj).__qualname__}"
    if known is not None:
        raise WatchError(f"this {kind} is watched already, as {known.name!r} and not {name!r}")
    other = _watched.get(name)
    if other is not None and not other.over():
        raise WatchError(f"the name {name!r} is taken by another object that is watched")
    if name not in _names and len(_names) >= MOST_NAMES:
        logger.error(
            "%r, a %s, is not watched: there were %d names already", name, kind, MOST_NAMES
        )
        return
    try:
        found = adapter(obj, name)
        overlay(subject, found)
    except Exception:  # a version of its library that we don't know is no reason not to start
        logger.exception("can't watch %r, a %s: it works on unmeasured", name, kind)
        return
    _names.add(name)
    for former in [key for key, adapter in _watched.items() if adapter.over()]:
        del _watched[former]
    _watched[name] = found
    instruments.poll(_readings)


def _readings() -> Iterator[GaugeReading]:
    """The gauges of all that is watched; what can't be read now is passed over."""
    for adapter in tuple(_watched.values()):
        with suppress(Exception):  # a pool of a library, read while it changes
            yield from tuple(adapter.readings())


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 the parent's may have been held by a thread that is not here
    _lock = threading.RLock()
    for adapter in _watched.values():
        adapter.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
