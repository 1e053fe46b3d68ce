"""The series of one service: PromQL matchers, and the labels that recorded series keep."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from sidelight.errors import SettingsError
from sidelight.text_format import escaped, literal

EXAMPLE = 'selector = \'job="shop",namespace="prod"\''

_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\\n]|\\.)*)"\s*')


class SelectorMatcher(NamedTuple):
    """``label``, ``operator`` and the text between the quotes, still escaped."""

    label: str
    operator: str
    text: str

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.text}"'


@dataclass(frozen=True, slots=True)
class ServiceSelector:
    """The matchers of a service.

    ``by`` are the labels that a matcher pins to one value. Recorded series keep these only.
    """

    matchers: tuple[SelectorMatcher, ...]
    by: tuple[str, ...]

    @property
    def scraped(self) -> str:
        """Matchers of scraped series."""
        return ",".join(map(str, self.matchers))

    @property
    def recorded(self) -> str:
        """Matchers of recorded series, which have no labels but ``by``."""
        return ",".join(str(one) for one in self.matchers if one.label in self.by)

    @property
    def exact(self) -> bool:
        """Whether the labels in ``by`` alone distinguish this service from others."""
        return all(one.label in self.by for one in self.matchers)


def every_job(*but: str) -> ServiceSelector:
    """Each job is a service of its own, except the jobs ``but``."""
    if not but:
        return ServiceSelector((), ("job",))
    text = "|".join(escaped(literal(name)) for name in but)
    return ServiceSelector((SelectorMatcher("job", "!~", text),), ("job",))


def one_job(name: str) -> ServiceSelector:
    """The service whose ``job`` is ``name``."""
    return ServiceSelector((SelectorMatcher("job", "=", escaped(name)),), ("job",))


def parse(key: str, given: Any) -> ServiceSelector:
    """``job="x",namespace="y"``, with or without braces. Raises `SettingsError`."""
    text = given.strip() if isinstance(given, str) else ""
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    matchers, at = [], 0
    while found := _MATCHER.match(inner, at):
        matchers.append(SelectorMatcher(found[1], found[2], found[3]))
        at = found.end()
        if inner[at : at + 1] != ",":
            break
        at += 1
    if not matchers or inner[at:].strip():
        problem = 'must be matchers, label="value", separated by commas'
        raise SettingsError(key, given, problem, EXAMPLE)
    by = tuple(dict.fromkeys(one.label for one in matchers if one.operator == "=" and one.text))
    if not by:
        problem = "must pin at least one label with =, because recorded series keep only such"
        raise SettingsError(key, given, problem, EXAMPLE)
    return ServiceSelector(tuple(matchers), by)
