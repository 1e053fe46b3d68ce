"""Series storage as the engine sees it: label matchers, and blocks of samples.

Patterns are RE2's: a match takes time in proportion to the text, whatever the pattern. Python's
own patterns could block the interpreter. A pattern matches the whole value, and a dot matches a
line break.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, Protocol

import numpy as np
import re2  # type: ignore[import-untyped] # has no types
from numpy.typing import NDArray

from sidelight.embedded.promql.limits import parse_error
from sidelight.embedded.promql.quoting import is_utf8

STALE_BITS: Final = 0x7FF0_0000_0000_0002
"""The bits of the NaN that marks the end of a series: Prometheus's staleness marker.

https://github.com/prometheus/prometheus/blob/main/model/value/value.go
"""
ABSENT_BITS: Final = 0x7FF0_0000_0000_0003
"""The bits of the NaN that means: this series has no sample at this time."""


class LabelMatcher(NamedTuple):
    """One matcher of a selector. A label that a series does not have has the value ""."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


@dataclass(frozen=True, slots=True)
class SampleBlock:
    """Series that were sampled at the same times.

    ``labels``: the n label sets, with ``__name__`` and without empty values.
    ``times``: t times in milliseconds since the epoch, ascending.
    ``values``: n rows of t values. `STALE_BITS` and `ABSENT_BITS` differ from other NaN only in
    their bits (``values.view(np.int64)``): copies keep the bits, arithmetic does not.
    ``histograms``: n rows of t `FloatHistogram`, with None for other samples; or None if there are
    none. Where one is, the value is `ABSENT_BITS`.
    """

    labels: Sequence[Mapping[str, str]]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    histograms: NDArray[np.object_] | None = None


class Source(Protocol):
    """A storage from which the engine selects samples."""

    def select(
        self, matchers: Sequence[LabelMatcher], after: int, until: int
    ) -> Sequence[SampleBlock]:
        """Return the series that match, with their samples of ``after`` < time <= ``until`` (ms).

        A series is in one block only, even if it was away for a while.
        """
        ...


Test = Callable[[str], bool]

_MEMORY: Final = 2 << 20
"""Bytes for a pattern without groups; RE2 keeps the states of its automaton in them."""
_CAPTURES: Final = 128 << 10
"""Bytes for a pattern with groups: matching is slow in proportion to the pattern's size."""
_ESCAPED: Final = r"\\([!-/:-@\[-^`{-~])"  # ASCII's punctuation, without "_"
_PIECE: Final = re.compile(rf"(?:[^.+*?()|\[\]{{}}^$\\]|{_ESCAPED})*")
_ESCAPE: Final = re.compile(_ESCAPED)


def label_set_test(matchers: Sequence[LabelMatcher]) -> Callable[[Mapping[str, str]], bool]:
    """Return a function that tells whether a label set meets every matcher."""
    tests = [(one.name, value_test(one)) for one in matchers]

    def meets(labels: Mapping[str, str]) -> bool:
        get = labels.get
        return all(of(get(name, "")) for name, of in tests)

    return meets


def value_test(matcher: LabelMatcher) -> Test:
    """Return a function that tells whether a label's value meets this matcher."""
    _, op, value = matcher
    if op == "=":
        return value.__eq__
    if op == "!=":
        return value.__ne__
    positive = _pattern(value)
    return positive if op == "=~" else lambda text: not positive(text)


@lru_cache(maxsize=32)
def _pattern(pattern: str) -> Test:
    literals = literal_alternatives(pattern)
    if literals is not None:
        return literals.__contains__
    if pattern in _TRIVIAL:
        return _TRIVIAL[pattern]
    whole = compile_regex(pattern, groups=False)
    return lambda text: whole.fullmatch(text) is not None


_TRIVIAL: Final[dict[str, Test]] = {".*": lambda _: True, ".+": bool}


def literal_alternatives(pattern: str) -> frozenset[str] | None:
    r"""Return the values of a pattern like ``a|b`` or ``(a|b\.c)``; None for other patterns."""
    inner = pattern[1:-1] if pattern[:1] == "(" and pattern[-1:] == ")" else pattern
    pieces = inner.split("|")
    if not all(_PIECE.fullmatch(piece) for piece in pieces):
        return None
    return frozenset(_ESCAPE.sub(r"\1", piece) for piece in pieces)


def compile_regex(pattern: str, *, groups: bool) -> Any:
    """Compile a pattern, to be used with ``fullmatch``. `QueryError` if it is invalid."""
    if not is_utf8(pattern):
        raise parse_error(f"error parsing regexp: invalid UTF-8: `{pattern}`")
    options = re2.Options()
    options.dot_nl = True
    options.log_errors = False
    options.never_capture = not groups
    options.max_mem = _CAPTURES if groups else _MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as why:
        message = why.args[0]
        text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
        raise parse_error(f"error parsing regexp: {_go_message(text)}") from None


def _go_message(problem: str) -> str:
    """Translate a message of RE2 to that of Go's regexp package."""
    what, _, where = problem.partition(": ")
    what = re.sub(r"^missing (?=[)\]])", "missing closing ", what)
    what = what.replace("no argument for repetition", "missing argument to repetition")
    what = what.replace("bad repetition operator", "invalid nested repetition operator")
    return f"{what}: `{where}`" if where else what
