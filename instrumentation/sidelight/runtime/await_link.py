"""One link of an await chain: what it is, what it awaits, and the frame that tells its line.

Local variables are found by the garbage collector's references. That runs no code, and, unlike
``f_locals``, leaves nothing behind in a frame. An object is known by its type alone, without a
question to a class or a metaclass that may be written to answer anything.
"""

import asyncio
import gc
import sys
from collections.abc import Sequence
from types import (
    AsyncGeneratorType,
    CellType,
    CodeType,
    CoroutineType,
    FrameType,
    GeneratorType,
)
from typing import Any

from sidelight.runtime.attribute import attribute

STEPS = frozenset(
    {
        "FutureIter",
        "anext_awaitable",
        "async_generator_asend",
        "async_generator_athrow",
        "coroutine_wrapper",
    }
)
"""Types of the interpreter that only refer to what they await."""
NAME_OF = vars(type)["__name__"].__get__
CODE = ("cr_code", "ag_code", "gi_code")
FRAME = ("cr_frame", "ag_frame", "gi_frame")


def _classes(name: str) -> tuple[type, ...]:
    """A class of asyncio in C and in Python: a library may put one in the place of the other."""
    modules = (asyncio, asyncio.futures, asyncio.tasks, sys.modules.get("_asyncio"))
    found = (getattr(each, one, None) for each in modules for one in (name, f"_Py{name}"))
    return tuple({each for each in found if isinstance(each, type)})


FUTURES = _classes("Future")
TASKS = _classes("Task")


def awaited(link: Any) -> Any:
    """What a link awaits, within its own task; None where it tells nothing, or does not wait.

    An object of another type refers to the coroutine that it was made around, if to any.
    """
    kind = type(link)
    if kind is CoroutineType:
        return link.cr_await
    if kind is AsyncGeneratorType:
        return link.ag_await
    if kind is GeneratorType:
        found = link.gi_yieldfrom
        return next(filter(is_future, referents(link)), None) if found is None else found
    if _is_coroutine(kind):
        return attribute(link, "cr_await")
    wanted = is_link if _is_step(kind) else is_coroutine
    return None if is_future(link) else next(filter(wanted, referents(link)), None)


def is_link(each: Any) -> bool:
    """Whether it is part of what a coroutine awaits."""
    kind = type(each)
    generator = kind is AsyncGeneratorType or kind is GeneratorType
    return generator or _is_coroutine(kind) or _is_step(kind) or is_future(each)


def is_coroutine(each: Any) -> bool:
    """Whether it is a coroutine of Python, Cython or an extension."""
    return _is_coroutine(type(each))


def _is_coroutine(kind: type) -> bool:
    return kind is CoroutineType or _has(kind, "cr_await")


def _is_step(kind: type) -> bool:
    return NAME_OF(kind) in STEPS


def _has(kind: type, name: str) -> bool:
    """Whether a class has an attribute, by what its metaclass inherits: Cython's are its own."""
    try:
        if type(kind) is type:
            return hasattr(kind, name)  # three times as fast
        type.__getattribute__(kind, name)
    except Exception:  # noqa: BLE001 there is none, or the class is written to raise
        return False
    return True


def is_future(each: Any) -> bool:
    """Whether it is a future of asyncio."""
    return issubclass(type(each), FUTURES)


def is_task(each: Any) -> bool:
    """Whether it is a future that runs a coroutine."""
    return issubclass(type(each), TASKS)


def referents(link: Any) -> list[Any]:
    """The local variables of a link, among other objects, without their names."""
    found = []
    for each in gc.get_referents(link):
        if type(each) is CellType:
            try:
                found.append(each.cell_contents)
            except ValueError:  # not set yet
                continue
        else:
            found.append(each)
    return found


def code_of(link: Any) -> CodeType | None:
    """The code of a link; None of a future, and of what is not written in Python."""
    found = link.cr_code if type(link) is CoroutineType else _told(link, CODE)
    return found if type(found) is CodeType else None


def frame_of_link(link: Any) -> FrameType | None:
    """The frame of a link, which tells its line; None of what is not written in Python."""
    found = link.cr_frame if type(link) is CoroutineType else _told(link, FRAME)
    return found if type(found) is FrameType else None


def _told(link: Any, names: Sequence[str]) -> Any:
    kind = type(link)
    for name in names:
        if _has(kind, name):
            return attribute(link, name)
    return None
