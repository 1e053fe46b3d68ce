"""Attributes of objects that are not ours, whose own code may answer, or raise."""

from typing import Any


def attribute(found: Any, name: str) -> Any:
    """An attribute of an object; None where there is none, or where its code raises."""
    try:
        return getattr(found, name)
    except Exception:  # noqa: BLE001 it is the application's code
        return None


def answer(found: Any, name: str) -> Any:
    """What a method without arguments returns; None where it raises."""
    try:
        return getattr(found, name)()
    except Exception:  # noqa: BLE001 as above
        return None
