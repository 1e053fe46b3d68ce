"""Scripts of PromQL tests in Prometheus's language, as lists of commands.

https://github.com/prometheus/prometheus/tree/main/promql/promqltest
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from sidelight.durations import to_milliseconds
from sidelight.embedded.promql.quoting import unquote
from tests.embedded.promql.conformance.series_line import SeriesLine, number, series_line

_BEGINS: Final = re.compile(r"(?:eval(?:_\w+)?\s+(?:instant|range)|load(?:_with_nhcb)?)\s|clear$")
_LOAD: Final = re.compile(r"load(_with_nhcb)?\s+(\S+)")
_INSTANT: Final = re.compile(r"eval(?:_(\w+))?\s+instant\s+(?:at\s+(.+?))?\s+(.+)")
_RANGE: Final = re.compile(
    r"eval(?:_(\w+))?\s+range\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+?)\s+(.+)"
)
_EXPECT: Final = re.compile(r"expect\s+(\w+)(?:\s+(regex|msg):(.+))?")
_TIMES: Final = re.compile(r"expect range vector\s+from\s+(.+)\s+to\s+(.+)\s+step\s+(.+)")
_STRING: Final = "expect string "
_OLD_FAILURES: Final = {"expected_fail_message": "msg", "expected_fail_regexp": "regex"}


@dataclass(frozen=True)
class Message:
    """A message that must be there: this text, one that the pattern finds, or (both "") any."""

    text: str = ""
    pattern: str = ""

    def matches(self, message: str) -> bool:
        """Whether this message is meant."""
        if self.text:
            return message == self.text
        return re.search(self.pattern, message) is not None


@dataclass(frozen=True)
class Load:
    """Series with a value every ``step`` milliseconds from the time 0."""

    step: int
    series: list[SeriesLine]
    native_histograms: bool
    """Whether its classic histograms are loaded as native histograms too."""


@dataclass(frozen=True)
class Clear:
    """All that was loaded is removed."""


@dataclass
class Evaluation:
    """A query at ``start``, or (``step`` > 0) from ``start`` to ``end``; in milliseconds.

    ``expect``: by fail, warn, info, no_warn, no_info and ordered. ``series``: the values that are
    expected. ``times``: those of an expected range vector, as start, end and step.
    """

    line: int
    text: str
    start: int
    end: int = 0
    step: int = 0
    expect: dict[str, list[Message]] = field(default_factory=dict)
    series: list[SeriesLine] = field(default_factory=list)
    scalar: float | None = None
    string: str | None = None
    times: tuple[int, int, int] | None = None

    def expects(self, subject: str, message: Message) -> None:
        """Add what is expected of the answer."""
        self.expect.setdefault(subject, []).append(message)


Command = Load | Clear | Evaluation


def read_script(text: str) -> list[Command]:
    """Return the commands of a script. `ValueError` if a line is not understood."""
    return [_command(number, block) for number, block in _blocks(text)]


def _blocks(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield each command with the lines that belong to it, and the number of its first line."""
    begin, block = 0, list[str]()
    for at, line in enumerate([*text.split("\n"), ""], 1):
        stripped = line.strip()
        ends = not stripped or stripped.startswith("#")
        if block and (ends or _BEGINS.match(stripped)):
            yield begin, block
            block = []
        if not ends:
            begin = begin if block else at
            block.append(stripped)


def _command(at: int, lines: list[str]) -> Command:
    first, rest = lines[0], lines[1:]
    if first.startswith("clear"):
        return Clear()
    if found := _LOAD.fullmatch(first):
        series = [series_line(line) for line in rest]
        return Load(to_milliseconds(found[2]), series, found[1] is not None)
    if found := _RANGE.fullmatch(first):
        start, end, step = (to_milliseconds(found[n]) for n in (2, 3, 4))
        return _expected(Evaluation(at, found[5], start, end, step), found[1], rest)
    if found := _INSTANT.fullmatch(first):
        return _expected(Evaluation(at, found[3], to_milliseconds(found[2])), found[1], rest)
    raise ValueError(f"line {at}: {first!r} is no command; for example eval instant at 5m up")


def _expected(made: Evaluation, modifier: str | None, lines: list[str]) -> Evaluation:
    """Add the lines after ``eval`` to an evaluation."""
    if modifier:
        made.expects(modifier, Message())
    for line in lines:
        _add(made, line)
    return made


def _add(made: Evaluation, line: str) -> None:
    word, _, rest = line.partition(" ")
    if found := _TIMES.fullmatch(line):
        start, end, step = (to_milliseconds(found[n]) for n in (1, 2, 3))
        made.times = start, end, step
        made.start = end
    elif line.startswith(_STRING):
        made.string = unquote(line.removeprefix(_STRING))
    elif found := _EXPECT.fullmatch(line):
        made.expects(found[1], _message(found[2], found[3]))
    elif word in _OLD_FAILURES:
        made.expect["fail"] = [_message(_OLD_FAILURES[word], rest)]
    elif (value := number(line)) is not None:
        made.scalar = value
    else:
        made.series.append(series_line(line))


def _message(kind: str | None, text: str | None) -> Message:
    words = (text or "").strip()
    return Message(pattern=words) if kind == "regex" else Message(text=words)
