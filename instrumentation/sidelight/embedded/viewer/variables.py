"""Template variables: their values in the address, in queries and in links.

Values are formatted and escaped as Grafana's data source for Prometheus does.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

from sidelight.durations import to_text
from sidelight.embedded.viewer.dashboard import Dashboard, TemplateVariable
from sidelight.embedded.viewer.time_range import QueryInterval
from sidelight.text_format import escaped

ALL: Final = "$__all"
ALL_NAMES: Final = frozenset({ALL, "All"})
"""The two forms in which links write All."""
DATA_SOURCE: Final = "datasource"
"""The variable of the data source, which the options of the command determine."""
FIELDS: Final = "__data.fields."
LABELS: Final = "__field.labels."

REFERENCE: Final = re.compile(
    r"\$(\w+)|\$\{(\w+(?:\.[^:}]+)?)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]", re.ASCII
)
SPECIAL: Final = re.compile(r"[$^*{}\[\]'+?.()|]")


@dataclass(frozen=True, slots=True)
class PageState:
    """The state of a page: the values of the variables, the time range, and the refresh."""

    values: Mapping[str, tuple[str, ...]]
    time_from: str
    time_to: str
    refresh: str = ""
    options: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The options of the variables, as far as they are known."""

    def of(self, variable: TemplateVariable) -> tuple[str, ...]:
        """The values of a variable."""
        default = (ALL,) if variable.include_all else ()
        return self.values.get(variable.name) or variable.current or default


def page_state(dashboard: Dashboard, query: str) -> PageState:
    """The state in an address: ``from``, ``to``, ``refresh`` and ``var-…``."""
    values: dict[str, list[str]] = {}
    others: dict[str, str] = {}
    names = {variable.name for variable in dashboard.variables}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if not name.startswith("var-"):
            others[name] = value
        elif name[4:] in names:
            values.setdefault(name[4:], []).append(value)
    return PageState(
        {name: normalized(given) for name, given in values.items()},
        others.get("from", dashboard.time_from),
        others.get("to", dashboard.time_to),
        others.get("refresh", dashboard.refresh),
    )


def normalized(values: Sequence[str]) -> tuple[str, ...]:
    """The values without duplicates; All alone if it is among them, or if there is none."""
    return (ALL,) if not values or ALL_NAMES & set(values) else tuple(dict.fromkeys(values))


def address(uid: str, state: PageState) -> str:
    """The address of a dashboard, from which `page_state` reads the state."""
    pairs = [("from", state.time_from), ("to", state.time_to), ("refresh", state.refresh)]
    pairs += [(f"var-{name}", value) for name, values in state.values.items() for value in values]
    return f"/d/{quote(uid)}?{urlencode(pairs)}"


def time_parameters(state: PageState) -> str:
    """``${__url_time_range}``."""
    return urlencode({"from": state.time_from, "to": state.time_to})


def variable_parameters(name: str, values: Sequence[str]) -> str:
    """``${name:queryparam}``."""
    return urlencode([(f"var-{name}", value) for value in values])


def escape_regex(value: str) -> str:
    """A value for ``=~"…"``: a pattern that matches only the value, inside a PromQL string."""
    slashed = value.replace("\\", r"\\\\").replace('"', r"\"").replace("\n", r"\n")
    return SPECIAL.sub(lambda found: rf"\\{found[0]}", slashed)


def _in_query(variable: TemplateVariable, state: PageState) -> str:
    """The text that replaces a variable in a query."""
    values = state.of(variable)
    if not (variable.multi or variable.include_all):
        return escaped(values[0]) if values else ""
    if values == (ALL,):
        if variable.all_value:
            return variable.all_value
        values = state.options.get(variable.name, ())
    patterns = [escape_regex(value) for value in values]
    return patterns[0] if len(patterns) == 1 else f"({'|'.join(patterns)})"


def interpolate(expr: str, dashboard: Dashboard, state: PageState, interval: QueryInterval) -> str:
    """A query in which the variables are replaced. An unknown variable is not replaced."""
    texts = {variable.name: _in_query(variable, state) for variable in dashboard.variables}
    texts |= {
        "__interval": _duration(interval.step),
        "__interval_ms": str(round(interval.step * 1000)),
        "__rate_interval": _duration(interval.rate_interval),
        "__range": f"{round(interval.length)}s",
        "__range_s": str(round(interval.length)),
        "__range_ms": str(round(interval.length * 1000)),
    }
    return _replace(expr, lambda name, _: texts.get(name))


def title(text: str, dashboard: Dashboard, state: PageState) -> str:
    """The title of a panel, in which variables are replaced by their values."""
    texts = {
        one.name: " + ".join("All" if value == ALL else value for value in state.of(one))
        for one in dashboard.variables
    }
    return _replace(text, lambda name, _: texts.get(name))


def _duration(seconds: float) -> str:
    return to_text(round(seconds * 1000))


def data_link(
    url: str,
    state: PageState,
    fields: Mapping[str, str],
    labels: Mapping[str, str] | None = None,
) -> str:
    """The address of a data link: variables, time range, the row's fields, the series' labels.

    Every value is percent-encoded, so that none can add a parameter or a host.
    """

    def text_of(name: str, form: str) -> str | None:
        if name == "__url_time_range":
            return time_parameters(state)
        if name.startswith(FIELDS):
            return quote(fields.get(name.removeprefix(FIELDS), ""), safe="")
        if name.startswith(LABELS):
            return quote((labels or {}).get(name.removeprefix(LABELS), ""), safe="")
        values = state.values.get(name) or ((ALL,) if name != DATA_SOURCE else ("default",))
        if form == "queryparam":
            return variable_parameters(name, values)
        return quote(",".join(values), safe="")

    return _replace(url, text_of)


def dashboard_link(path: str, state: PageState) -> str:
    """The address of another dashboard, with the time range and the variables."""
    parts = [time_parameters(state)]
    parts += [variable_parameters(name, values) for name, values in state.values.items()]
    return f"{path}?{'&'.join(parts)}"


def _replace(text: str, value: Callable[[str, str], str | None]) -> str:
    def replacement(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[4]
        made = value(name, found[3] or found[5] or "")
        return found[0] if made is None else made

    return REFERENCE.sub(replacement, text)
