"""Objects that answer every question by raising, and their classes too."""

import asyncio
from typing import Any, NoReturn

SECRET = "s3cret-value"


def refuse(*_: object) -> NoReturn:
    """What a method does that must not be called."""
    raise RuntimeError(SECRET)


NAMES = {
    *("__bool__", "__call__", "__contains__", "__dir__", "__eq__", "__format__", "__getattr__"),
    *("__getitem__", "__hash__", "__iter__", "__len__", "__ne__", "__repr__", "__str__"),
}


class HostileType(type):
    """The class of classes that raise at any question of Python code."""

    __getattribute__ = __hash__ = __eq__ = __repr__ = refuse
    __instancecheck__ = __subclasscheck__ = refuse


def hostile_class(**members: Any) -> Any:
    """A class whose instances raise at any question, but for what it has itself."""
    refused = {**dict.fromkeys(NAMES, refuse), "__class__": property(refuse)}
    return HostileType("Hostile", (), {**refused, **members})


Hostile: Any = hostile_class()


class Rude(asyncio.Task[Any]):
    """A task that tells nothing of itself, as long as it is told so."""

    refuses = True

    def done(self) -> bool:
        return refuse() if self.refuses else super().done()

    get_coro = get_name = refuse
