"""The results of checks."""

from typing import Literal, NamedTuple

Level = Literal["ok", "warn", "fail"]


class Finding(NamedTuple):
    """One result. ``fix`` is the line to type or to write; empty where there is nothing to fix."""

    level: Level
    what: str
    fix: str = ""


def ok(what: str) -> Finding:
    """Nothing needs to be done."""
    return Finding("ok", what)


def warn(what: str, fix: str) -> Finding:
    """Metrics may be missing, duplicated or expensive."""
    return Finding("warn", what, fix)


def fail(what: str, fix: str) -> Finding:
    """Metrics are missing or wrong."""
    return Finding("fail", what, fix)
