"""Imports an application by its name, as uvicorn does: an attribute, or a factory."""

import importlib
import inspect
import sys
from typing import Any

from sidelight.errors import SidelightError


def load(name: str) -> Any:
    """The application at ``module:attribute``, or that a factory there returns.

    The attribute may be one of an object: ``module:holder.app``. Raises `SidelightError`.
    """
    module, colon, attributes = name.partition(":")
    if not colon or not attributes:
        raise SidelightError(f"{name!r}: an application is MODULE:ATTRIBUTE, as in shop.app:app")
    sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(module)
        for attribute in attributes.removesuffix("()").split("."):
            found = getattr(found, attribute)
        made = _made(found)
    except (Exception, SystemExit) as error:
        what = f"{name} can't be imported: {error!r}"
        if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
            what += f"; start in the folder of {error.name}, or set PYTHONPATH to it"
        raise SidelightError(what) from error
    finally:
        sys.path.remove("")
    if not callable(made):
        if inspect.iscoroutine(made):
            made.close()
        raise SidelightError(f"{name} is no application: it is {type(made).__name__}")
    return made


def _made(found: Any) -> Any:
    """The application itself, or what a factory returns: an application has three arguments."""
    if not _accepts(found, 0):
        return found
    try:
        return found()
    except TypeError:
        if _accepts(found, 3):  # any number of them
            return found
        raise


def _accepts(found: Any, arguments: int) -> bool:
    try:
        inspect.signature(found).bind(*range(arguments))
    except (TypeError, ValueError):
        return False
    return True
