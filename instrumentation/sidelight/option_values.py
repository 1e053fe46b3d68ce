"""Kinds of values that several options share, each checked: seconds, numbers, switches, lists.

Each raises `SettingsError`, which names the option and has a working example.
"""

import math
from collections.abc import Sequence
from typing import Any

from sidelight.errors import SettingsError


class Text(str):
    """A value from the environment: text that its check may have to parse."""

    __slots__ = ()


def seconds(key: str, value: Any, example: str) -> float:
    """A number of seconds above 0."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise SettingsError(key, value, "must be a number of seconds above 0", example)
    return number


def whole(key: str, value: Any, least: int, most: int, example: str) -> int:
    """A whole number from ``least`` to ``most``."""
    try:
        number = least - 1 if isinstance(value, bool | float) else int(value)
    except (TypeError, ValueError):
        number = least - 1
    if not least <= number <= most:
        raise SettingsError(key, value, f"must be a whole number from {least} to {most}", example)
    return number


def switch(key: str, value: Any) -> bool:
    """True or false; in the environment also 1 or 0."""
    if isinstance(value, Text):
        value = {"1": True, "true": True, "0": False, "false": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise SettingsError(key, value, "must be true or false", f"{key}=True")
    return value


def items(key: str, value: Any, of: str, example: str) -> Sequence[Any]:
    """The items of a list, or of a text with commas; ``of`` says of what the list must be."""
    found = value.split(",") if isinstance(value, Text) else value
    if isinstance(found, str) or not isinstance(found, Sequence):
        raise SettingsError(key, value, f"must be a list of {of}", example)
    return found


def some_text(key: str, value: Any, example: str) -> str:
    """Text that is not empty, nor only white space."""
    if not isinstance(value, str) or not value.strip() or not _is_unicode(value):
        raise SettingsError(key, value, "must be text that is not empty", example)
    return str(value)


def _is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogates, which stand for bytes that are not UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
