"""What a reader has chosen, and what that makes of queries, titles and links.

The forms of values and their escapes are those of Grafana's data source for Prometheus.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from sidelight.embedded.viewer.board import Board, Variable
from sidelight.embedded.viewer.times import Steps, written

ALL: Final = "$__all"
ALL_WORDS: Final = frozenset({ALL, "All"})
"""Links say either for "everything"."""
SOURCE: Final = "datasource"
FIELDS: Final = "__data.fields."
LABELS: Final = "__field.labels."

REFERENCE: Final = re.compile(
    r"\$(\w+)|\$\{(\w+(?:\.[^:}]+)?)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]", re.ASCII
)
LABEL_VALUES: Final = re.compile(
    r"label_values\(\s*(?:(?P<of>.+),\s*)?(?P<label>[a-zA-Z_]\w*)\s*\)"
)
SPECIAL: Final = re.compile(r"[$^*{}\[\]'+?.()|]")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The state of a page: which values of which variable, over which time, how often anew."""

    values: Mapping[str, tuple[str, ...]]
    since: str
    until: str
    refresh: str = ""
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What each variable could be, where that is known: All without a pattern stands for it."""

    def of(self, variable: Variable) -> tuple[str, ...]:
        """What is chosen of a variable, as the reader sees it."""
        return self.values.get(variable.name) or variable.chosen or first(variable)


def first(variable: Variable) -> tuple[str, ...]:
    """What is chosen where nothing is."""
    return (ALL,) if variable.with_all else ()


def read(board: Board, query: str) -> Chosen:
    """The state that an address asks for: ``from``, ``to``, ``refresh`` and ``var-…``."""
    values: dict[str, list[str]] = {}
    plain: dict[str, str] = {}
    known = {variable.name for variable in board.variables}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if not name.startswith("var-"):
            plain[name] = value
        elif name[4:] in known:
            values.setdefault(name[4:], []).append(value)
    return Chosen(
        {name: normal(given) for name, given in values.items()},
        plain.get("from", board.since),
        plain.get("to", board.until),
        plain.get("refresh", board.refresh),
    )


def normal(given: Sequence[str]) -> tuple[str, ...]:
    """What was chosen, without what All makes needless."""
    return (ALL,) if not given or ALL_WORDS & set(given) else tuple(dict.fromkeys(given))


def address(uid: str, chosen: Chosen) -> str:
    """The address that `read` reads back."""
    pairs = [("from", chosen.since), ("to", chosen.until), ("refresh", chosen.refresh)]
    pairs += [(f"var-{name}", one) for name, values in chosen.values.items() for one in values]
    return f"/d/{quote(uid)}?{urlencode(pairs)}"


def time_range(chosen: Chosen) -> str:
    """``${__url_time_range}``."""
    return urlencode({"from": chosen.since, "to": chosen.until})


def queryparam(name: str, values: Sequence[str]) -> str:
    """``${name:queryparam}``."""
    return urlencode([(f"var-{name}", value) for value in values])


def regular(value: str) -> str:
    """A value for ``=~"…"``: taken as it is, in a string of PromQL in double quotes."""
    slashed = value.replace("\\", r"\\\\").replace('"', r"\"").replace("\n", r"\n")
    return SPECIAL.sub(lambda found: rf"\\{found[0]}", slashed)


def literal(value: str) -> str:
    """A value for ``="…"``."""
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def in_query(variable: Variable, chosen: Chosen) -> str:
    """A variable's text in a query."""
    values = chosen.of(variable)
    if not (variable.multi or variable.with_all):
        return literal(values[0]) if values else ""
    if values == (ALL,):
        if variable.every:
            return variable.every  # a pattern already
        values = chosen.lists.get(variable.name, ())
    escaped = [regular(value) for value in values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def fill(text: str, board: Board, chosen: Chosen, steps: Steps) -> str:
    """A query with its variables, windows and steps filled in. What isn't known stays."""
    texts = {one.name: in_query(one, chosen) for one in board.variables}
    texts |= {
        "__interval": written(steps.step),
        "__interval_ms": str(round(steps.step * 1000)),
        "__rate_interval": written(steps.rate),
        "__range": f"{round(steps.length)}s",
        "__range_s": str(round(steps.length)),
        "__range_ms": str(round(steps.length * 1000)),
    }
    return _replace(text, lambda name, _: texts.get(name))


def words(text: str, board: Board, chosen: Chosen) -> str:
    """A title with its variables filled in, for a reader."""
    known = {one.name: one for one in board.variables}

    def text_of(name: str, _: str) -> str | None:
        if name not in known:
            return None
        values = chosen.of(known[name])
        return "All" if values == (ALL,) else " + ".join(values)

    return _replace(text, text_of)


def link(
    url: str, chosen: Chosen, fields: Mapping[str, str], labels: Mapping[str, str] | None = None
) -> str:
    """A data link's address: variables, time, the row's own fields, and the series' labels.

    Every value is percent-encoded, so that none can add a parameter or a host.
    """

    def text_of(name: str, form: str) -> str | None:
        if name == "__url_time_range":
            return time_range(chosen)
        if name.startswith(FIELDS):
            return quote(fields.get(name.removeprefix(FIELDS), ""), safe="")
        if name.startswith(LABELS):
            return quote((labels or {}).get(name.removeprefix(LABELS), ""), safe="")
        values = chosen.values.get(name) or ((ALL,) if name != SOURCE else ("default",))
        if form == "queryparam":
            return queryparam(name, values)
        return quote(",".join(values), safe="")

    return _replace(url, text_of)


def board_link(url: str, chosen: Chosen, *, variables: bool, time: bool) -> str:
    """A dashboard's link: with time and variables, where it asks for them."""
    parts = [time_range(chosen)] if time else []
    if variables:
        parts += [queryparam(name, values) for name, values in chosen.values.items()]
    return f"{url}?{'&'.join(parts)}" if parts else url


def label_values(query: str) -> tuple[str, str]:
    """Selector and label of ``label_values(selector, label)``. Raises ValueError."""
    if (found := LABEL_VALUES.fullmatch(query.strip())) is None:
        raise ValueError(f"{query!r} is not label_values(metric, label)")
    return (found["of"] or "").strip(), found["label"]


def _replace(text: str, value: Callable[[str, str], str | None]) -> str:
    def one(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[4]
        made = value(name, found[3] or found[5] or "")
        return found[0] if made is None else made

    return REFERENCE.sub(one, text)
