"""The name under which a function is called from outside of its package."""

import sys
from types import CodeType, FrameType, ModuleType
from typing import Any

from sidelight.asgi.code_place import module_of
from sidelight.runtime.attribute import attribute

HIDDEN = frozenset({"contextlib", "functools", "sidelight"})
"""Modules whose calls say nothing of what is waited for."""
MOST_NAMES = 4096
NAMES_OF = vars(ModuleType)["__dict__"].__get__
"""The names in a module, also in one that imports what it is asked for."""

_names: dict[int, tuple[CodeType, str]] = {}


def call_name(frame: FrameType | None) -> str:
    """A function as ``httpx.AsyncClient.get``; empty where it is no part of a public interface."""
    if frame is None:
        return ""
    code = frame.f_code
    known = _names.get(id(code))
    if known is None:
        if len(_names) >= MOST_NAMES:
            _names.clear()
        known = code, public_name(module_of(frame), code.co_qualname)
        _names[id(code)] = known  # with the code, since an id is only good while its object lives
    return known[1]


def type_name(found: Any) -> str:
    """The name of the type of an object that is no coroutine of Python."""
    kind = type(found)
    module, name = attribute(kind, "__module__"), attribute(kind, "__qualname__")
    return public_name(module, name) if type(module) is str and type(name) is str else ""


def public_name(module: str, qualname: str) -> str:
    """The shortest name of a function or class; empty where it is private.

    A method such as ``__aenter__`` has the name of its class.
    """
    names = qualname.split(".")
    if names[-1].startswith("__") and names[-1].endswith("__"):
        names.pop()
    hidden = module.partition(".")[0] in HIDDEN
    if hidden or not names or any(name.startswith(("_", "<")) for name in names):
        return ""
    return ".".join([_public_module(module, names[0]), *names])


def _public_module(module: str, name: str) -> str:
    """The outermost package that has a name of a module too; else the module's public part."""
    parts = module.split(".")
    found = _named(module, name)
    for number in range(1, len(parts)):
        package = ".".join(parts[:number])
        if found is not None and _named(package, name) is found:
            return package
    return ".".join(part for part in parts if not part.startswith("_")) or module


def _named(module: str, name: str) -> Any:
    """What a module has under a name, without a call of its own code."""
    found = sys.modules.get(module)
    return NAMES_OF(found).get(name) if issubclass(type(found), ModuleType) else None
