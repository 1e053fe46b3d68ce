"""One thing the doctor has to say."""

from typing import Literal, NamedTuple

Level = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """``mend`` is the line to type or to write; empty when there is nothing to mend."""

    level: Level
    what: str
    mend: str = ""


def ok(what: str) -> Finding:
    """Nothing to do."""
    return Finding("ok", what)


def warn(what: str, mend: str) -> Finding:
    """Numbers may be missing, double or dear."""
    return Finding("warn", what, mend)


def fail(what: str, mend: str) -> Finding:
    """There are no numbers, or wrong ones."""
    return Finding("fail", what, mend)
