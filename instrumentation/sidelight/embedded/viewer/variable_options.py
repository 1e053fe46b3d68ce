"""The options of variables: what `label_values` and `query_result` find, as in Grafana."""

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sidelight.embedded.viewer.panel_data import Refresh
from sidelight.embedded.viewer.query_result import DataSourceError, ResultSeries
from sidelight.embedded.viewer.time_range import query_interval
from sidelight.embedded.viewer.variables import interpolate

QUERY_RESULT: Final = re.compile(r"query_result\((?P<expr>.+)\)")
LABEL_VALUES: Final = re.compile(
    r"label_values\(\s*(?:(?P<selector>.+),\s*)?(?P<label>[a-zA-Z_]\w*)\s*\)"
)


async def variable_options(refresh: Refresh) -> dict[str, tuple[str, ...]]:
    """The options of each variable. A query may refer to the variables before its own.

    A variable whose query fails has no options. Raises nothing.
    """
    options: dict[str, tuple[str, ...]] = {}
    length, scrape = refresh.period.length, refresh.scrape_interval
    interval = query_interval(length, refresh.width, 0, scrape)
    for variable in refresh.dashboard.query_variables:
        state = replace(refresh.state, options=options)
        expr = interpolate(variable.query, refresh.dashboard, state, interval)
        try:
            found = chosen(await _found(refresh, expr), variable.regex)
        except (DataSourceError, ValueError):
            found = ()
        options[variable.name] = tuple(sorted(found, reverse=variable.descending))
    return options


async def _found(refresh: Refresh, expr: str) -> Sequence[str]:
    """What the query of a variable finds. Raises `DataSourceError` and ValueError."""
    if inner := parse_query_result(expr):
        result = await refresh.prometheus.query(inner, refresh.period.end)
        return [result_line(series) for series in result.series]
    selector, label = parse_label_values(expr)
    return await refresh.prometheus.label_values(label, selector, refresh.period)


def parse_label_values(query: str) -> tuple[str, str]:
    """Selector and label of ``label_values(selector, label)``. Raises ValueError."""
    if (found := LABEL_VALUES.fullmatch(query.strip())) is None:
        raise ValueError(f"{query!r} is not label_values(metric, label)")
    return (found["selector"] or "").strip(), found["label"]


def parse_query_result(query: str) -> str:
    """The query in ``query_result(query)``; empty if it is something else."""
    found = QUERY_RESULT.fullmatch(query.strip())
    return found["expr"] if found else ""


def result_line(series: ResultSeries) -> str:
    """A series as Grafana writes it for the expression of a variable: labels, value and time."""
    labels = ",".join(f'{name}="{text}"' for name, text in series.labels.items())
    return f"{{{labels}}} {series.values[-1]:g} {round(series.times[-1] * 1000)}"


def chosen(found: Sequence[str], pattern: str) -> Sequence[str]:
    """The first group of a pattern in each text, once; without a pattern, the texts."""
    if not pattern:
        return found
    matches = (re.search(pattern.strip("/"), text) for text in found)
    return tuple(dict.fromkeys(match[1] for match in matches if match))
