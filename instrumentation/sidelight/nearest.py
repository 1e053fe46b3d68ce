"""The message for a key that is not known."""

from collections.abc import Iterable


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
