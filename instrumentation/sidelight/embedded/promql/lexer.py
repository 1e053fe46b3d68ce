"""Checks of a query's text before it is parsed.

The parser is compiled code: nesting that is too deep or a duration that is too long ends the
process or prints a traceback, patterns are compiled without a bound, and a part of a duration
that overflows counts as zero. Strings are therefore replaced by numbers and the other tokens are
checked before the parser gets the text.
"""

import re
from dataclasses import dataclass
from typing import Final

from sidelight.durations import UNITS
from sidelight.embedded.promql.argument_positions import ArgumentPositions
from sidelight.embedded.promql.limits import (
    QueryError,
    QueryLimits,
    bad_data,
    parse_error,
    unsupported,
)
from sidelight.embedded.promql.quoting import is_utf8, unquote

_DURATION: Final = r"(?:[0-9]+(?:ms|[smhdwy]))+(?![A-Za-z0-9_.])"
_NUMBER: Final = (
    r"(?:0[xX][0-9a-fA-F]+|[1-9][0-9]*(?:_[0-9]+)+"
    r"|(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_.])"
)
_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r\n\f\v]+|\#[^\r\n]*)"
    r'|(?P<string>"(?:[^"\\\n]|\\.)*"' + r"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)"
    rf"|(?P<duration>{_DURATION})|(?P<number>{_NUMBER})"
    r"|(?P<word>(?:[A-Za-z_]|:(?![0-9]))(?:[A-Za-z0-9_]|:(?!:?[0-9 ]*[smhdwy]?\]))*)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<operator>==|!=|>=|<=|[<>]/|[-+*/%^<>])|(?P<other>=~|!~|[=@,:])"
)
_DURATION_PART: Final = re.compile(r"([0-9]+)(ms|[smhdwy])")
_LONGEST: Final = 100 * UNITS["y"]
GUARD_LABEL: Final = "-"
GUARD_MATCHER: Final = f'"{GUARD_LABEL}"="-",'
"""A matcher that no label set meets. It is put first into each selector, and removed afterwards.

Without the strings the parser can't tell whether a selector has a non-empty matcher.
"""
_OPENING: Final = {")": "(", "]": "[", "}": "{"}
_NAMES: Final = {"(": "parenthesis", "[": "bracket", "{": "brace"}
_BEFORE_DURATION: Final = frozenset({"offset", "[", ":"})
_WORDS: Final = frozenset({"and", "or", "unless", "atan2"})
_OF_HISTOGRAMS: Final = frozenset({"</", ">/"})
_OF_DURATIONS: Final = frozenset({"step", "range", "min", "max", "min_of", "max_of"})
_MODIFIERS: Final = frozenset({"anchored", "smoothed"})
"""The parser takes them for nothing else, except in braces."""


@dataclass(frozen=True, slots=True)
class QuotedString:
    """A string of a query, and where it begins."""

    content: str
    at: int


@dataclass(frozen=True, slots=True)
class SanitizedQuery:
    """The text with a number in place of each string, and the strings."""

    text: str
    strings: tuple[QuotedString, ...]
    arguments: ArgumentPositions


def sanitize(text: str, limits: QueryLimits) -> SanitizedQuery:
    """Replace the strings and check the other tokens. `QueryError` has the position of an error."""
    if len(text) > limits.text:
        raise bad_data(
            f"query is too long: {len(text)} characters, at most {limits.text} are taken"
        )
    return _Sanitizer(text, limits.depth).read()


class _Sanitizer:
    """One pass over the tokens of a text."""

    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.left = depth
        self.open: list[str] = []
        self.deepest = 0
        self.strings: list[QuotedString] = []
        self.arguments = ArgumentPositions()
        self.before = ""
        self.signed = False  # whether a sign follows ``before``

    def read(self) -> SanitizedQuery:
        out = []
        at = 0
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if found is None:
                raise self._unexpected(at)
            out.append(self._token(found.lastgroup or "", found[0], at))
            at = found.end()
        if self.open:
            raise self._error(_unclosed(self.open[-1]), len(self.text))
        return SanitizedQuery("".join(out), tuple(self.strings), self.arguments)

    def _token(self, kind: str, token: str, at: int) -> str:
        if kind == "space":
            return " "
        self.arguments.read(kind, token, at)
        made = token.replace("_", "") if kind == "number" else token
        if kind == "string":
            made = self._string(token, at)
        elif kind in {"duration", "number"}:
            self._check_duration(kind, token, at)
        elif kind in {"open", "close"}:
            self._bracket(token, at)
            made = {"{": "{" + GUARD_MATCHER}.get(token, token)
        elif kind == "operator":
            self._operator(token, at)
        elif kind == "word":
            self._word(token.lower(), at)
        self.signed = token in {"+", "-"}
        if not self.signed:
            self.before = token.lower()
        return made

    def _string(self, token: str, at: int) -> str:
        if "\ufffd" in token or not is_utf8(token):
            raise self._error("invalid UTF-8 rune", at)
        try:
            self.strings.append(QuotedString(unquote(token), at))
        except ValueError as why:
            raise self._error(str(why), at) from None
        return f'"{len(self.strings) - 1}"'

    def _check_duration(self, kind: str, token: str, at: int) -> None:
        duration = self.before in _BEFORE_DURATION
        if kind == "number" and not duration:
            return
        if _duration(token) > _LONGEST:
            raise self._error("duration out of range", at)

    def _bracket(self, bracket: str, at: int) -> None:
        if bracket == "(" and self._in_duration():
            raise unsupported("arithmetic with durations")
        if bracket in _NAMES:
            self.open.append(bracket)
            if len(self.open) > self.deepest:
                self.deepest = len(self.open)
                self._count_nesting(at)
        elif not self.open or self.open.pop() != _OPENING[bracket]:
            raise self._error(f"unexpected right {_NAMES[_OPENING[bracket]]} '{bracket}'", at + 1)

    def _operator(self, token: str, at: int) -> None:
        if (token, self.before) == ("-", "@"):
            raise unsupported('a negative time after "@"')
        if token in _OF_HISTOGRAMS:
            raise unsupported(f"the operator {token}")
        if self._in_duration() and (self.signed or self.before != "offset"):
            raise unsupported("arithmetic with durations")
        self._count_nesting(at)

    def _word(self, word: str, at: int) -> None:
        if word in {"inf", "nan"} and self.before in _BEFORE_DURATION:
            raise self._error("duration out of range", at)
        if word in _OF_DURATIONS and self._in_duration():
            raise unsupported("arithmetic with durations")
        if word in _MODIFIERS and self.open[-1:] != ["{"]:
            raise unsupported(f"the modifier {word}")
        if word in _WORDS:
            self._count_nesting(at)

    def _in_duration(self) -> bool:
        return self.before == "offset" or self.open[-1:] == ["["]

    def _count_nesting(self, at: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise self._error("too many operators and brackets within brackets", at)

    def _unexpected(self, at: int) -> QueryError:
        here = self.text[at]
        if here in "\"'`":
            return self._error("unterminated quoted string", at)
        if here.isdigit() or here == ".":
            rest = re.match(r"[\w.]*", self.text[at:])
            return self._error(f'bad number or duration syntax: "{rest[0] if rest else here}"', at)
        return self._error(f"unexpected character: {here!r}", at)

    def _error(self, problem: str, at: int) -> QueryError:
        return parse_error(problem, position(self.text, at))


def _duration(token: str) -> float:
    """Return the milliseconds of a duration, or of a number of seconds."""
    if token[:2].lower() == "0x":
        return int(token[:20], 16) * 1000
    parts = _DURATION_PART.findall(token)
    if parts:
        return sum(int(number[:15]) * UNITS[unit] for number, unit in parts)
    return float(token.replace("_", "")) * 1000


def _unclosed(bracket: str) -> str:
    if bracket == "{":
        return "unexpected end of input inside braces"
    return f"unclosed left {_NAMES[bracket]}"


def position(text: str, at: int) -> str:
    """Return line and column, counted in bytes from 1, as Prometheus writes them."""
    *lines, last = text[:at].split("\n")
    return f"{len(lines) + 1}:{len(last.encode('utf-8', 'surrogateescape')) + 1}:"
