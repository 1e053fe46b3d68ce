"""The 17 rules of grafana/dashboard-linter, one test each, with the exceptions that are meant.

Exceptions: recorded series have no label ``instance``, nor have alerts that are no instance's; and
Prometheus's own metrics have a job of their own.
"""

import re

import promql_parser
import pytest

from sidelight.contract import METRICS
from tests.dashboards.promql_reading import selected
from tests.dashboards.reading import (
    Asked,
    Made,
    dashboards,
    panels,
    queries,
    sent,
    variables,
)
from tests.dashboards.recorded import OF_INSTANCES, RECORDED

BOARDS = dashboards()
QUERIES = [asked for board in BOARDS for asked in queries(board)]
PANELS = [(board["uid"], panel) for board in BOARDS for panel in panels(board)]
UNITS = {
    "bool_yes_no",
    "bytes",
    "cps",
    "none",
    "percentunit",
    "reqps",
    "s",
    "short",
    "string",
}
"""Of Grafana's units, those in use here."""
COUNTERS = ("_count", "_sum", "_bucket")
"""Parts of a histogram; a metric may be called so itself, and be a gauge."""
PROMETHEUS = "prometheus_rule_evaluation_failures_total"
NO_JOB = {PROMETHEUS}
NO_INSTANCE = {*(set(RECORDED) - OF_INSTANCES), "ALERTS", PROMETHEUS}

by_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board["uid"]))
by_query = pytest.mark.parametrize("asked", QUERIES, ids=str)
by_panel = pytest.mark.parametrize(
    "panel", [p for _, p in PANELS], ids=[f"{u}: {p['title']}" for u, p in PANELS]
)


def variable(board: Made, name: str) -> Made:
    (found,) = [one for one in variables(board) if one["name"] == name]
    return found


def check_choice(board: Made, name: str) -> None:
    found = variable(board, name)
    assert found["type"] == "query"
    assert found["label"] == name.capitalize()
    assert found["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
    assert found["multi"]
    assert found["includeAll"]
    assert found["allValue"] == ".+"


@by_board
def test_template_datasource_rule(board: Made) -> None:
    """There is one variable for the data source, named and labelled as the rule wants."""
    (found,) = [one for one in variables(board) if one["type"] == "datasource"]
    assert (found["name"], found["label"], found["query"]) == (
        "datasource",
        "Data source",
        "prometheus",
    )


@by_board
def test_template_job_rule(board: Made) -> None:
    """The job is a variable of which several, or all, may be chosen."""
    check_choice(board, "job")


@by_board
def test_template_instance_rule(board: Made) -> None:
    """The instance is a variable of which several, or all, may be chosen."""
    check_choice(board, "instance")


@by_board
def test_template_label_promql_rule(board: Made) -> None:
    """The query of each variable is label_values of a selector that parses."""
    for one in variables(board):
        if one["type"] == "query":
            inside = one["query"]["query"].removeprefix("label_values(").removesuffix(")")
            selector, _, label = inside.rpartition(", ")
            assert label.isidentifier()
            promql_parser.parse(sent(selector))


@by_board
def test_template_on_time_change_reload_rule(board: Made) -> None:
    """Each variable is asked for again when the time changes."""
    assert all(one["refresh"] == 2 for one in variables(board) if one["type"] == "query")


@by_panel
def test_panel_datasource_rule(panel: Made) -> None:
    """Each panel, and each of its queries, uses the data source that is chosen."""
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    assert panel["datasource"] == chosen
    assert all(target["datasource"] == chosen for target in panel.get("targets", ()))


@by_panel
def test_panel_title_description_rule(panel: Made) -> None:
    """Each panel has a title, and a description that is a sentence."""
    assert panel["title"]
    assert panel["description"].endswith(".")


@by_panel
def test_panel_units_rule(panel: Made) -> None:
    """Each panel with numbers has one of Grafana's units, by default and in each column."""
    if panel["type"] != "text":
        field = panel["fieldConfig"]
        assert field["defaults"]["unit"] in UNITS
        overridden = [p for o in field["overrides"] for p in o["properties"] if p["id"] == "unit"]
        assert all(one["value"] in UNITS for one in overridden)


@by_panel
def test_panel_no_targets_rule(panel: Made) -> None:
    """Each panel but a text has a query."""
    assert panel["type"] == "text" or panel["targets"]


def test_target_logql_rule() -> None:
    """No query is for another data source than Prometheus, so none is LogQL."""
    assert {asked.target["datasource"]["type"] for asked in QUERIES} == {"prometheus"}


def test_target_logql_auto_rule() -> None:
    """No query has LogQL's ``$__auto``."""
    assert not [asked for asked in QUERIES if "$__auto" in asked.expr]


@by_query
def test_target_promql_rule(asked: Asked) -> None:
    """Each query is PromQL, once its variables are filled in."""
    assert unparsed(asked.expr) == ""


@by_query
def test_target_rate_interval_rule(asked: Asked) -> None:
    """A rate is over ``$__rate_interval``; an increase, over that or the whole range."""
    assert fixed_windows(asked.expr) == set()
    assert other_ranges(asked.expr) == []


@by_query
def test_target_job_rule(asked: Asked) -> None:
    """Each selector is of the chosen jobs, but for Prometheus's own metrics."""
    assert unmatched(asked.expr, "job", NO_JOB) == []


@by_query
def test_target_instance_rule(asked: Asked) -> None:
    """Each selector is of the chosen instances, but for series that have no instance."""
    assert unmatched(asked.expr, "instance", NO_INSTANCE) == []


@by_query
def test_target_counter_agg_rule(asked: Asked) -> None:
    """A counter is never shown as it is: only its rate, or its increase."""
    assert bare_counters(asked.expr) == []


def test_the_rules_find_what_breaks_them() -> None:
    """Of queries that are wrong, each rule names what is wrong."""
    assert unparsed("sum(up") != ""
    assert fixed_windows("rate(a_total[5m])") == {"5m"}
    assert other_ranges("avg_over_time(up[$__rate_interval])") == ["up"]
    assert other_ranges("last_over_time(up[1d])") == ["up"]
    assert unmatched('up{job="shop"}', "job", NO_JOB) == ["up"]
    assert unmatched('up{job=~"$job"}', "instance", NO_INSTANCE) == ["up"]
    slow = "fastapi_slow_requests_total"
    assert bare_counters(f"sum({slow}) + sum(rate({slow}[$__rate_interval]))") == [slow]


def unparsed(expr: str) -> str:
    """What the parser has against a query."""
    try:
        promql_parser.parse(sent(expr))
    except ValueError as error:
        return str(error)
    return ""


def windows_marked(expr: str) -> str:
    """A query that parses, with windows that nobody writes in place of Grafana's."""
    return expr.replace("$__rate_interval", "97m").replace("$__range", "89m")


def fixed_windows(expr: str) -> set[str]:
    """Windows that are not Grafana's to choose; a day is for what was there before."""
    return set(re.findall(r"\[(\w+)\]", windows_marked(expr))) - {"97m", "89m", "1d"}


def other_ranges(expr: str) -> list[str]:
    """What is read over a range, and is no rate, no increase, nor the past of a recorded series."""
    ranged = [one for one in selected(windows_marked(expr)) if one.ranged]
    known = {"rate", "increase"}
    return [
        one.name
        for one in ranged
        if one.around[0] not in known
        and not (one.around[0] == "last_over_time" and one.name in RECORDED)
    ]


def unmatched(expr: str, label: str, but: set[str]) -> list[str]:
    """Selectors that don't follow a variable."""
    return [
        one.name
        for one in selected(windows_marked(expr))
        if one.name not in but and (label, "=~", f"${label}") not in one.matchers
    ]


def bare_counters(expr: str) -> list[str]:
    """Counters shown as they are."""
    found = []
    for one in selected(sent(expr)):
        part = one.name.endswith(COUNTERS) and one.name not in METRICS
        if (part or one.name.endswith("_total")) and not one.ranged and not counts(expr, one.name):
            found.append(one.name)
    return found


def counts(expr: str, name: str) -> bool:
    """Whether it is the series that are counted."""
    return f"count by (job, http_route) ({name}" in expr


@by_board
def test_uneditable_rule(board: Made) -> None:
    """Nobody can change it in the browser, and lose that at the next update."""
    assert board["editable"] is False
