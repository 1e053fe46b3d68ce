"""The 17 rules of grafana/dashboard-linter, with exceptions.

Exceptions: recorded series have no label ``instance``, nor do alerts that are not about an
instance; Prometheus's own metrics have a job of their own; and All is not every job of that
Prometheus, but each that a query finds.
"""

import copy
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import promql_parser
import pytest

from sidelight.contract import METRICS
from tests.dashboards.promql_reading import selected
from tests.dashboards.reading import (
    Made,
    dashboards,
    panels,
    queries,
    sent,
    variable_query,
    variables,
)
from tests.dashboards.recorded import OF_INSTANCES, RECORDED

BOARDS = {board["uid"]: board for board in dashboards()}
CHOSEN = {"type": "prometheus", "uid": "${datasource}"}
UNITS = {"bool_yes_no", "bytes", "cps", "none", "percentunit", "reqps", "s", "short", "string"}
"""The units of Grafana that the dashboards use."""
HISTOGRAM_PARTS = ("_count", "_sum", "_bucket")
"""Parts of a histogram; a gauge may have such a name too."""
PROMETHEUS = "prometheus_rule_evaluation_failures_total"
NO_JOB = {PROMETHEUS}
NO_INSTANCE = {*(set(RECORDED) - OF_INSTANCES), "ALERTS", "ALERTS_FOR_STATE", PROMETHEUS}

Rule = Callable[[Made], Iterable[str]]


def template_datasource_rule(board: Made) -> Iterator[str]:
    """There is one variable for the data source, with the name and label of the rule."""
    found = [
        one for one in variables(board) if one["type"] == "datasource" and one["name"] != "logs"
    ]
    expected = [("datasource", "Data source", "prometheus")]
    if [(one["name"], one["label"], one["query"]) for one in found] != expected:
        yield f"variables for the data source: {found}"


def template_job_rule(board: Made) -> Iterator[str]:
    """The job is a variable with several values, or all."""
    yield from unlike_choice(board, "job", None)


def template_instance_rule(board: Made) -> Iterator[str]:
    """The instance is a variable with several values, or all."""
    yield from unlike_choice(board, "instance", ".+")


def unlike_choice(board: Made, name: str, every: str | None) -> Iterator[str]:
    expected = {
        "type": "query",
        "label": name.capitalize(),
        "datasource": CHOSEN,
        "multi": True,
        "includeAll": True,
        "allValue": every,
    }
    found = [one for one in variables(board) if one["name"] == name]
    if [{key: one.get(key) for key in expected} for one in found] != [expected]:
        yield f"variable {name}: {found}"


def template_label_promql_rule(board: Made) -> Iterator[str]:
    """The query of each variable is PromQL, alone or in label_values."""
    for one in variables(board):
        if one["type"] == "query" and unparsed(variable_query(one)[0]):
            yield f"variable {one['name']}: {one['query']['query']}"


def template_on_time_change_reload_rule(board: Made) -> Iterator[str]:
    """Each variable is queried again when the time range changes."""
    for one in variables(board):
        if one["type"] == "query" and one["refresh"] != 2:
            yield f"variable {one['name']}"


def panel_datasource_rule(board: Made) -> Iterator[str]:
    """Each panel and each of its queries uses the selected data source."""
    for panel in panels(board):
        if not all(one["datasource"] == CHOSEN for one in (panel, *panel.get("targets", ()))):
            yield panel["title"]


def panel_title_description_rule(board: Made) -> Iterator[str]:
    """Each panel has a title, and a description that is a sentence."""
    for panel in panels(board):
        if not panel["title"] or not panel["description"].endswith("."):
            yield f"{panel['title']!r}: {panel['description']!r}"


def panel_units_rule(board: Made) -> Iterator[str]:
    """Each panel with numbers has a unit of Grafana, by default and in each column."""
    for panel in panels(board):
        if panel["type"] != "text":
            field = panel["fieldConfig"]
            overrides = [one for each in field["overrides"] for one in each["properties"]]
            units = {one["value"] for one in overrides if one["id"] == "unit"}
            if unknown := {field["defaults"]["unit"], *units} - UNITS:
                yield f"{panel['title']}: {unknown}"


def panel_no_targets_rule(board: Made) -> Iterator[str]:
    """Each panel other than a text has a query."""
    for panel in panels(board):
        if panel["type"] != "text" and not panel["targets"]:
            yield panel["title"]


def target_logql_rule(board: Made) -> Iterator[str]:
    """Each query is for Prometheus, so none is LogQL."""
    for query in queries(board):
        if query.target["datasource"]["type"] != "prometheus":
            yield str(query)


def of_queries(found: Callable[[str], Any]) -> Rule:
    """A rule about the expression of each query."""

    def rule(board: Made) -> Iterator[str]:
        for query in queries(board):
            if problem := found(query.expr):
                yield f"{query}: {problem}: {query.expr}"

    return rule


def unparsed(expr: str) -> str:
    """The parser's message about a query that is not PromQL."""
    try:
        promql_parser.parse(sent(expr))
    except ValueError as error:
        return str(error)
    return ""


def windows_marked(expr: str) -> str:
    """A query that parses, with marks in place of Grafana's windows."""
    return expr.replace("$__rate_interval", "97m").replace("$__range", "89m")


def fixed_windows(expr: str) -> set[str]:
    """Windows that Grafana does not choose; a day is for series of the past."""
    return set(re.findall(r"\[(\w+)\]", windows_marked(expr))) - {"97m", "89m", "1d"}


def other_ranges(expr: str) -> list[str]:
    """Range selectors that are no rate, no increase and not a recorded series over time."""
    ranged = [one for one in selected(windows_marked(expr)) if one.ranged]
    return [
        one.name
        for one in ranged
        if one.around[0] not in {"rate", "increase"}
        and not (one.around[0] == "last_over_time" and one.name in RECORDED)
    ]


def unmatched(expr: str, label: str, exceptions: set[str]) -> list[str]:
    """Selectors that do not follow a variable."""
    return [
        one.name
        for one in selected(windows_marked(expr))
        if one.name not in exceptions and (label, "=~", f"${label}") not in one.matchers
    ]


def bare_counters(expr: str) -> list[str]:
    """Counters that are shown without a rate or an increase."""
    found = []
    for one in selected(sent(expr)):
        part = one.name.endswith(HISTOGRAM_PARTS) and one.name not in METRICS
        counted = f"count by (job, http_route) ({one.name}" in expr  # the number of series
        if (part or one.name.endswith("_total")) and not one.ranged and not counted:
            found.append(one.name)
    return found


def uneditable_rule(board: Made) -> Iterator[str]:
    """Nobody can change the dashboard in the browser and lose that at the next update."""
    if board["editable"] is not False:
        yield "editable"


RULES: dict[str, Rule] = {
    "template-datasource-rule": template_datasource_rule,
    "template-job-rule": template_job_rule,
    "template-instance-rule": template_instance_rule,
    "template-label-promql-rule": template_label_promql_rule,
    "template-on-time-change-reload-rule": template_on_time_change_reload_rule,
    "panel-datasource-rule": panel_datasource_rule,
    "panel-title-description-rule": panel_title_description_rule,
    "panel-units-rule": panel_units_rule,
    "panel-no-targets-rule": panel_no_targets_rule,
    "target-logql-rule": target_logql_rule,
    "target-logql-auto-rule": of_queries(lambda expr: "$__auto" if "$__auto" in expr else ""),
    "target-promql-rule": of_queries(unparsed),
    "target-rate-interval-rule": of_queries(lambda e: [*fixed_windows(e), *other_ranges(e)]),
    "target-job-rule": of_queries(lambda expr: unmatched(expr, "job", NO_JOB)),
    "target-instance-rule": of_queries(lambda expr: unmatched(expr, "instance", NO_INSTANCE)),
    "target-counter-agg-rule": of_queries(bare_counters),
    "uneditable-dashboard": uneditable_rule,
}


@pytest.mark.parametrize("uid", BOARDS)
def test_the_linter_has_no_complaint(uid: str) -> None:
    """A dashboard passes all of the 17 rules."""
    assert len(RULES) == 17
    problems = [f"{name}: {one}" for name, rule in RULES.items() for one in rule(BOARDS[uid])]
    assert not problems, "\n".join(problems)


def first(board: Made, kind: str, name: str = "") -> Made:
    """The first panel or variable of a type, or of a name."""
    places = [*panels(board), *variables(board)]
    return next(one for one in places if one["type"] == kind and name in {"", one.get("name")})


def written(expr: str) -> Callable[[Made], None]:
    """Puts an expression into the first query of a dashboard."""

    def write(board: Made) -> None:
        first(board, "stat")["targets"][0]["expr"] = expr

    return write


BREAKS: dict[str, Callable[[Made], object]] = {
    "template-datasource-rule": lambda board: first(board, "datasource").update(label="Source"),
    "template-job-rule": lambda board: first(board, "query", "job").update(multi=False),
    "template-instance-rule": lambda board: first(board, "query", "instance").update(allValue=""),
    "template-label-promql-rule": lambda board: first(board, "query").update(
        query={"query": "label_values(up{, job)"}
    ),
    "template-on-time-change-reload-rule": lambda b: first(b, "query").update(refresh=1),
    "panel-datasource-rule": lambda board: first(board, "stat").update(datasource={"uid": "mine"}),
    "panel-title-description-rule": lambda board: first(board, "stat").update(description="No"),
    "panel-units-rule": lambda b: first(b, "stat")["fieldConfig"]["defaults"].update(unit="apples"),
    "panel-no-targets-rule": lambda board: first(board, "stat").update(targets=[]),
    "target-logql-rule": lambda board: first(board, "stat")["targets"][0].update(
        datasource={"type": "loki"}
    ),
    "target-logql-auto-rule": written("rate(up[$__auto])"),
    "target-promql-rule": written("sum(up"),
    "target-rate-interval-rule": written("rate(a_total[5m])"),
    "target-job-rule": written('up{job="shop"}'),
    "target-instance-rule": written('up{job=~"$job"}'),
    "target-counter-agg-rule": written("sum(fastapi_slow_requests_total)"),
    "uneditable-dashboard": lambda board: board.update(editable=True),
}


def test_each_rule_finds_what_breaks_it() -> None:
    """For each rule, one change to a dashboard that the rule complains about."""
    assert set(BREAKS) == set(RULES)
    for name, change in BREAKS.items():
        board = copy.deepcopy(BOARDS["sidelight-service"])
        change(board)
        assert list(RULES[name](board)), name


def test_the_rules_name_the_series() -> None:
    """Of queries that are wrong, the rules name what is wrong."""
    assert unparsed("sum(up") != ""
    assert fixed_windows("rate(a_total[5m])") == {"5m"}
    assert other_ranges("avg_over_time(up[$__rate_interval])") == ["up"]
    assert other_ranges("last_over_time(up[1d])") == ["up"]
    assert unmatched('up{job="shop"}', "job", NO_JOB) == ["up"]
    assert unmatched('up{job=~"$job"}', "instance", NO_INSTANCE) == ["up"]
    slow = "fastapi_slow_requests_total"
    assert bare_counters(f"sum({slow}) + sum(rate({slow}[$__rate_interval]))") == [slow]
