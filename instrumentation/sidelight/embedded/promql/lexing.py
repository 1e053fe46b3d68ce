"""A query's text, made safe for the parser.

The parser is compiled code: too deep a nesting or too big a duration would end the process or
print a trace, a pattern is compiled by it with no bound, and a duration's part that is too big
counts as none. So what is in quotes is taken out here, and the rest looked at, before it sees it.
"""

import re
from dataclasses import dataclass
from typing import Final

from sidelight.embedded.promql.errors import QueryError, unparsed, unsupported, wrong
from sidelight.embedded.promql.limits import Limits
from sidelight.embedded.promql.quoting import unquote

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
    r"|(?P<operator>==|!=|>=|<=|[-+*/%^<>])|(?P<other>=~|!~|[=@,:])"
)
_PART: Final = re.compile(r"([0-9]+)(ms|[smhdwy])")
_SCALES: Final = (1, 1000, 60_000, 3_600_000, 86_400_000, 7 * 86_400_000, 365 * 86_400_000)
UNITS: Final = dict(zip(("ms", "s", "m", "h", "d", "w", "y"), _SCALES, strict=True))
LONGEST: Final = 100 * UNITS["y"]
EXTRA: Final = "-"
FIRST: Final = f'"{EXTRA}"="-",'
"""A condition that no label set meets, put before all others of a selector and taken out again.

Without their texts the parser can't know which conditions an empty label would meet.
"""
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}
_NAMES: Final = {"(": "parenthesis", "[": "bracket", "{": "brace"}
_BEFORE_DURATION: Final = frozenset({"offset", "[", ":"})
_WORDS: Final = frozenset({"and", "or", "unless", "atan2"})


@dataclass(frozen=True, slots=True)
class Clean:
    """The text with a number in place of each quoted text, and those texts."""

    text: str
    quoted: tuple[str, ...]


def clean(text: str, limits: Limits) -> Clean:
    """The text without what could hurt the parser. `QueryError` says where it is wrong."""
    if len(text) > limits.text:
        raise wrong(f"query is too long: {len(text)} characters, at most {limits.text} are taken")
    return _Reader(text, limits.depth).read()


class _Reader:
    """One pass through a text."""

    def __init__(self, text: str, depth: int) -> None:
        self.text = text
        self.left = depth
        self.open: list[str] = []
        self.deepest = 0
        self.quoted: list[str] = []
        self.before = ""
        self.signed = False  # whether a sign came after that

    def read(self) -> Clean:
        out = []
        at = 0
        while at < len(self.text):
            found = _TOKEN.match(self.text, at)
            if found is None:
                raise self._unreadable(at)
            out.append(self._token(found.lastgroup or "", found[0], at))
            at = found.end()
        if self.open:
            raise self._wrong(_unclosed(self.open[-1]), len(self.text))
        return Clean("".join(out), tuple(self.quoted))

    def _token(self, kind: str, token: str, at: int) -> str:
        if kind == "space":
            return " "
        made = token.replace("_", "") if kind == "number" else token
        if kind == "string":
            made = self._string(token, at)
        elif kind in {"duration", "number"}:
            self._bounded(kind, token, at)
        elif kind in {"open", "close"}:
            self._bracket(token, at)
            made = {"{": "{" + FIRST}.get(token, token)
        elif kind == "operator":
            self._operator(token, at)
        elif kind == "word":
            self._word(token.lower(), at)
        self.signed = token in {"+", "-"}
        if not self.signed:
            self.before = token.lower()
        return made

    def _string(self, token: str, at: int) -> str:
        try:
            self.quoted.append(unquote(token))
        except ValueError as why:
            raise self._wrong(str(why), at) from None
        return f'"{len(self.quoted) - 1}"'

    def _bounded(self, kind: str, token: str, at: int) -> None:
        duration = self.before in _BEFORE_DURATION
        if kind == "number" and not duration:
            return
        if _length(token) > LONGEST:
            raise self._wrong("duration out of range", at)

    def _bracket(self, token: str, at: int) -> None:
        if token in _NAMES:
            self.open.append(token)
            if len(self.open) > self.deepest:
                self.deepest = len(self.open)
                self._count(at)
        elif not self.open or self.open.pop() != _PAIRS[token]:
            raise self._wrong(f"unexpected right {_NAMES[_PAIRS[token]]} '{token}'", at + 1)

    def _operator(self, token: str, at: int) -> None:
        if (token, self.before) == ("-", "@"):
            raise unsupported('a negative time after "@"')
        if self.signed and self.before == "offset":
            raise unsupported("arithmetic with durations")
        self._count(at)

    def _word(self, word: str, at: int) -> None:
        if word in {"inf", "nan"} and self.before in _BEFORE_DURATION:
            raise self._wrong("duration out of range", at)
        if word in _WORDS:
            self._count(at)

    def _count(self, at: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise self._wrong("too many operators and brackets within brackets", at)

    def _unreadable(self, at: int) -> QueryError:
        here = self.text[at]
        if here in "\"'`":
            return self._wrong("unterminated quoted string", at)
        if here.isdigit() or here == ".":
            rest = re.match(r"[\w.]*", self.text[at:])
            return self._wrong(f'bad number or duration syntax: "{rest[0] if rest else here}"', at)
        return self._wrong(f"unexpected character: {here!r}", at)

    def _wrong(self, problem: str, at: int) -> QueryError:
        return unparsed(problem, place(self.text, at))


def _length(token: str) -> float:
    """Milliseconds of a duration, which may be a number of seconds."""
    if token[:2].lower() == "0x":
        return int(token[:20], 16) * 1000
    parts = _PART.findall(token)
    if parts:
        return sum(int(number[:15]) * UNITS[unit] for number, unit in parts)
    return float(token.replace("_", "")) * 1000


def _unclosed(bracket: str) -> str:
    if bracket == "{":
        return "unexpected end of input inside braces"
    return f"unclosed left {_NAMES[bracket]}"


def place(text: str, at: int) -> str:
    """Line and column, from 1, as Prometheus writes them."""
    line = text.count("\n", 0, at) + 1
    return f"{line}:{at - text.rfind(chr(10), 0, at)}:"
