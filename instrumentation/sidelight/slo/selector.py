"""Which series are a service's: PromQL matchers, and the labels they leave."""

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from sidelight.errors import SettingsError

EXAMPLE = 'selector = \'job="shop",namespace="prod"\''

_MATCHER = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"((?:[^"\\\n]|\\.)*)"\s*')


class Matcher(NamedTuple):
    """``label``, ``operator`` and the quoted text's inside, still escaped."""

    label: str
    operator: str
    text: str

    def __str__(self) -> str:
        return f'{self.label}{self.operator}"{self.text}"'


@dataclass(frozen=True, slots=True)
class Selector:
    """Matchers of a service. What they pin to one value stays a label of what is recorded."""

    matchers: tuple[Matcher, ...]
    by: tuple[str, ...]

    @property
    def raw(self) -> str:
        """For series as they are scraped."""
        return ",".join(map(str, self.matchers))

    @property
    def exact(self) -> bool:
        """Whether ``by`` alone tells this service from others."""
        return all(one.label in self.by for one in self.matchers)

    @property
    def own(self) -> str:
        """For recorded series, which have no label but ``by``."""
        return ",".join(str(one) for one in self.matchers if one.label in self.by)


def every_job(*but: str) -> Selector:
    """Each job a service of its own, except those that have rules of their own."""
    if not but:
        return Selector((), ("job",))
    text = "|".join(escaped(literal(name)) for name in but)
    return Selector((Matcher("job", "!~", text),), ("job",))


def one_job(name: str) -> Selector:
    """The service whose ``job`` is ``name``."""
    return Selector((Matcher("job", "=", escaped(name)),), ("job",))


def parse(key: str, given: Any) -> Selector:
    """``job="x",namespace="y"``, with or without braces."""
    text = given.strip() if isinstance(given, str) else ""
    inner = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    matchers, at = [], 0
    while found := _MATCHER.match(inner, at):
        matchers.append(Matcher(found[1], found[2], found[3]))
        at = found.end()
        if inner[at : at + 1] != ",":
            break
        at += 1
    if not matchers or inner[at:].strip():
        raise SettingsError(key, given, 'must be matchers, label="value", with commas', EXAMPLE)
    by = tuple(dict.fromkeys(one.label for one in matchers if one.operator == "=" and one.text))
    if not by:
        problem = "must pin at least one label with =, since recorded series keep only such"
        raise SettingsError(key, given, problem, EXAMPLE)
    return Selector(tuple(matchers), by)


def escaped(text: str) -> str:
    """Text as it stands between PromQL's double quotes."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def literal(text: str) -> str:
    """Text as a regular expression of RE2 that matches it and nothing else."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)
