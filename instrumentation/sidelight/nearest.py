"""What is said of a name that is not known: the most similar one that is."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sidelight.errors import SettingsError


def nearest(key: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The known name that is most similar, in whichever case; empty where none is."""
    from difflib import get_close_matches  # noqa: PLC0415 only a wrong key needs it

    names = {_plain(name): name for name in known}
    return next((names[one] for one in get_close_matches(_plain(key), names, 1, cutoff)), "")


def nearest_key(key: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The most similar key, or else the first one whose first word is similar; empty without."""
    names = list(known)
    words = {name.partition("_")[0]: name for name in reversed(names)}
    return nearest(key, names, cutoff) or words.get(nearest(key, words, cutoff), "")


def unknown(kind: str, key: str, known: Iterable[str]) -> str:
    """What is wrong with a key: it is unknown; the nearest one, and all that are known."""
    names = list(known)
    near = nearest_key(key, names)
    question = f", did you mean {near}?" if near else ""
    return f"unknown {kind}{question} (known: {', '.join(names)})"


def only_known(where: str, table: Mapping[str, Any], keys: Sequence[str], example: str) -> None:
    """Raise `SettingsError` for a key of a table that is not known; ``where`` comes before it."""
    for key, value in table.items():
        if key not in keys:
            raise SettingsError(f"{where}{key}", value, unknown("key", key, keys), example)


def route_problem(given: object) -> str:
    """What is wrong with a route that is not written ``METHOD /template``."""
    return f"a route is 'METHOD /template'{in_capitals(given)}"


def in_capitals(given: object) -> str:
    """The question after a route's name of which only the case, or a space, is wrong."""
    method, _, template = str(given).strip().partition(" ")
    route = f"{method.upper()} {template.strip()}"
    fits = method.isalpha() and template.strip().startswith("/") and route != given
    return f", did you mean {route!r}?" if fits else ""


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
