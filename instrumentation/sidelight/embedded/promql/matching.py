"""Which label sets a selector's conditions let through.

Patterns are RE2's: a match takes time in proportion to the text, whatever the pattern, where
Python's own could hold the interpreter for ever. They match the whole value, and a dot matches a
line break too.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import re2  # type: ignore[import-untyped] # has no types

from sidelight.embedded.promql.errors import unparsed
from sidelight.embedded.promql.source import Matcher

Test = Callable[[str], bool]

_MEMORY: Final = 2 << 20
"""Bytes that a pattern may take which only says yes or no: its states are kept as they are met."""
_CAPTURES: Final = 128 << 10
"""As above, of one that says where its groups are: it is slow in proportion to its size."""
_ESCAPED: Final = r"\\([!-/:-@\[-^`{-~])"  # ASCII's punctuation, without "_"
_PIECE: Final = re.compile(rf"(?:[^.+*?()|\[\]{{}}^$\\]|{_ESCAPED})*")
_ESCAPE: Final = re.compile(_ESCAPED)


def matching(matchers: Sequence[Matcher]) -> Callable[[Mapping[str, str]], bool]:
    """A function that says whether a label set meets every condition."""
    tests = [(one.name, condition(one)) for one in matchers]

    def meets(labels: Mapping[str, str]) -> bool:
        get = labels.get
        return all(of(get(name, "")) for name, of in tests)

    return meets


def condition(matcher: Matcher) -> Test:
    """A function that says whether a label's value meets this condition."""
    _, op, value = matcher
    if op == "=":
        return value.__eq__
    if op == "!=":
        return value.__ne__
    positive = _pattern(value)
    return positive if op == "=~" else lambda text: not positive(text)


@lru_cache(maxsize=32)
def _pattern(pattern: str) -> Test:
    literals = alternatives(pattern)
    if literals is not None:
        return literals.__contains__
    if pattern in _QUICK:
        return _QUICK[pattern]
    whole = compiled(pattern, groups=False)
    return lambda text: whole.fullmatch(text) is not None


_QUICK: Final[dict[str, Test]] = {".*": lambda _: True, ".+": bool}


def alternatives(pattern: str) -> frozenset[str] | None:
    r"""The values that a pattern like ``a|b`` or ``(a|b\.c)`` matches, if it is one."""
    inner = pattern[1:-1] if pattern[:1] == "(" and pattern[-1:] == ")" else pattern
    pieces = inner.split("|")
    if not all(_PIECE.fullmatch(piece) for piece in pieces):
        return None
    return frozenset(_ESCAPE.sub(r"\1", piece) for piece in pieces)


def compiled(pattern: str, *, groups: bool) -> Any:
    """The pattern, to be used with ``fullmatch``. `QueryError` if it is none."""
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.never_capture = not groups
    options.max_mem = _CAPTURES if groups else _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as why:
        told = why.args[0]
        text = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
        raise unparsed(f"error parsing regexp: {_told(text)}") from None


def _told(problem: str) -> str:
    """RE2's words as Go has them."""
    what, _, where = problem.partition(": ")
    what = re.sub(r"^missing (?=[)\]])", "missing closing ", what)
    what = what.replace("no argument for repetition", "missing argument to repetition")
    what = what.replace("bad repetition operator", "invalid nested repetition operator")
    return f"{what}: `{where}`" if where else what
