"""Keys that are not known: their message has the nearest one that is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sidelight.errors import SettingsError


def nearest(key: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The known key that is most similar; empty where none is."""
    from difflib import get_close_matches  # noqa: PLC0415 only a wrong key needs it

    return next(iter(get_close_matches(key.lower().replace("-", "_"), known, 1, cutoff)), "")


def unknown(kind: str, key: str, known: Iterable[str]) -> str:
    """What is wrong with a key: it is unknown; the nearest one, and all that are known."""
    names = list(known)
    near = nearest(key, names)
    question = f", did you mean {near}?" if near else ""
    return f"unknown {kind}{question} (known: {', '.join(names)})"


def only_known(where: str, table: Mapping[str, Any], keys: Sequence[str], example: str) -> None:
    """Raise `SettingsError` for a key of a table that is not known; ``where`` comes before it."""
    for key, value in table.items():
        if key not in keys:
            raise SettingsError(f"{where}{key}", value, unknown("key", key, keys), example)
