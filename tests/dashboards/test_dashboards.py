"""The dashboards: generated from their source, complete, and consistent with the contract."""

import re
from itertools import combinations

import pytest
import yaml

from dashboards.__main__ import made
from dashboards.colours import BAD, STATUS_CLASSES, WARN
from sidelight.contract import METHOD, METRICS, ROUTE
from sidelight.project import PROJECT_URL
from tests.dashboards.promql_reading import grouped, selected
from tests.dashboards.reading import (
    JSON,
    NATIVE,
    RULES,
    Made,
    PanelQuery,
    dashboards,
    panels,
    queries,
    sent,
    variables,
)
from tests.dashboards.recorded import RECORDED

BOARDS = dashboards()
QUERIES = [query for board in BOARDS for query in queries(board)]
SUFFIXES = ("_bucket", "_sum", "_count")
OTHERS = {
    "ALERTS": {"alertname", "alertstate", "severity", "window", "instance"},
    "ALERTS_FOR_STATE": {METHOD, ROUTE, "alertname", "severity", "window", "instance"},
    "up": set(),
    "scrape_duration_seconds": set(),
    "scrape_samples_scraped": set(),
    "prometheus_rule_evaluation_failures_total": {"rule_group"},
}
"""Series of Prometheus itself, with their labels."""
by_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: str(board["uid"]))


def test_the_committed_files_are_up_to_date() -> None:
    """`make dashboards` would change, add or remove no file."""
    files = made()
    for path, text in files.items():
        assert path.read_text() == text, f"{path.name} is out of date: make dashboards"
    assert set(JSON.iterdir()) == set(files)


def test_uids_are_unique_and_the_names_of_the_files() -> None:
    """Each uid is the name of its file, to which rules link."""
    assert [board["uid"] for board in BOARDS] == [path.stem for path in sorted(JSON.iterdir())]
    assert len({board["title"] for board in BOARDS}) == len(BOARDS) == 6


@by_board
def test_ids_of_panels_are_unique(board: Made) -> None:
    """No two panels of a dashboard, headings included, have the same id."""
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)


@by_board
def test_titles_of_panels_are_unique(board: Made) -> None:
    """No two panels of one row and type have the same title."""
    shown = [(p["title"], p["type"], p["gridPos"]["y"]) for p in panels(board)]
    assert len(set(shown)) == len(shown)


@by_board
def test_panels_do_not_overlap(board: Made) -> None:
    """No panel covers another, and no row is wider than the grid."""
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


def test_logs_are_a_closed_row() -> None:
    """Service and Route query a Loki only when the row above their first heading is opened."""
    for board in BOARDS:
        rows = [one for one in board["panels"] if one["type"] == "row"]
        closed = [one for one in rows if one.get("collapsed")]
        if board["uid"] not in {"sidelight-service", "sidelight-route"}:
            assert not closed
            continue
        assert closed == rows[:1]
        assert rows[1]["gridPos"]["y"] == rows[0]["gridPos"]["y"] + 1
        assert [one["type"] for one in closed[0]["panels"]] == ["logs"]
        assert "${logs}" not in str([one for one in board["panels"] if one not in closed])
        (source,) = [one for one in variables(board) if one["name"] == "logs"]
        assert (source["query"], source["hide"]) == ("loki", 2)


@by_board
def test_links_lead_to_dashboards_that_have_the_variables(board: Made) -> None:
    """Every link leads to one of the six, keeps the time, and sets only existing variables."""
    there = {one["uid"]: {v["name"] for v in variables(one)} for one in BOARDS}
    assert {link["url"] for link in board["links"] if link["type"] == "link"} == {
        f"/d/{uid}" for uid in there if uid != board["uid"]
    }
    assert all(link["keepTime"] and link["includeVars"] for link in board["links"])
    for panel in panels(board):
        for override in panel.get("fieldConfig", {}).get("overrides", ()):
            for one in override["properties"]:
                if one["id"] == "links":
                    for link in one["value"]:
                        check_link(link["url"], there)
                        check_fields(link["url"], panel)


def check_link(url: str, there: dict[str, set[str]]) -> None:
    if url.startswith(PROJECT_URL):
        assert url == f"{PROJECT_URL}/docs/runbooks/${{__data.fields.Alert}}.md"
        return
    (uid,) = re.findall(r"^/d/([\w-]+)\?", url)
    assert "${__url_time_range}" in url
    assert "${datasource:queryparam}" in url
    assert set(re.findall(r"var-(\w+)=", url)) <= there[uid]


def check_fields(url: str, panel: Made) -> None:
    """The link of a table uses its columns, that of a bar the labels of its series."""
    if labels := set(re.findall(r"__field\.labels\.(\w+)", url)):
        (target,) = panel["targets"]
        assert labels <= grouped(sent(target["expr"]))
        return
    fields = set(re.findall(r"__data\.fields\.(\w+)", url))
    order = panel["transformations"][-1]["options"]
    assert fields <= {*order["renameByName"].values(), *order["indexByName"]}


@by_board
def test_a_panel_has_one_query_for_exemplars_at_most(board: Made) -> None:
    """A panel queries exemplars at most once, and never of recorded series."""
    for panel in panels(board):
        found = [one for one in panel.get("targets", ()) if one.get("exemplar")]
        assert len(found) <= 1
        assert not [one for one in found if any(name in one["expr"] for name in RECORDED)]


@by_board
def test_a_panel_has_a_text_for_no_data(board: Made) -> None:
    """Every panel with numbers has a text for no data; every query has a legend."""
    for panel in panels(board):
        if panel["type"] != "text":
            assert panel["fieldConfig"]["defaults"]["noValue"]
            assert all(target["legendFormat"] for target in panel["targets"])


@by_board
def test_the_first_panel_is_no_heading(board: Made) -> None:
    """A dashboard begins with numbers or a table, not with a heading."""
    first = min(board["panels"], key=lambda one: (one["gridPos"]["y"], one["gridPos"]["x"]))
    assert first["type"] in {"gauge", "stat", "table"}


@by_board
def test_every_name_is_in_the_contract(board: Made) -> None:
    """Every metric and label of a query is in the contract, recorded, or of Prometheus itself."""
    unknown = {str(query): found for query in queries(board) if (found := unknown_names(query))}
    assert not unknown


def unknown_names(query: PanelQuery) -> set[str]:
    text = sent(query.expr)
    known = {"job", "instance", "le", "status_class"}
    unknown = set()
    for one in selected(text):
        labels = known_labels(one.name)
        known |= labels
        unknown |= {name for name, _, _ in one.matchers} - {"job", "instance", "le", *labels}
    return unknown | (grouped(text) - known)


def known_labels(name: str) -> set[str]:
    if name in RECORDED:
        return set(RECORDED[name])
    if name in OTHERS:
        return OTHERS[name]
    for suffix in ("", *SUFFIXES):
        family = name.removesuffix(suffix) if suffix else name
        if family in METRICS:
            return set(METRICS[family].labels)
    raise AssertionError(f"{name} is unknown")


def test_every_metric_of_the_contract_is_used() -> None:
    """Every exported metric is used by a dashboard, directly or through a recorded series."""
    used = {one.name for query in QUERIES for one in selected(sent(query.expr))}
    for rule in recording():
        if rule["record"] in used:
            used |= {one.name for one in selected(rule["expr"])}
    families = {name.removesuffix(suffix) for name in used for suffix in ("", *SUFFIXES)}
    assert set(METRICS) - families == set()


def test_recorded_series_are_recorded() -> None:
    """The rules make every recorded series that the dashboards use."""
    assert set(RECORDED) <= {rule["record"] for rule in recording()}


def recording() -> list[Made]:
    """Recording rules in reverse order: the default rules, and those of latency objectives."""
    files = (RULES / "sidelight.yml", RULES.parent / "tests" / "shop.yml")
    groups = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    rules = [rule for group in groups for rule in group["rules"] if "record" in rule]
    return rules[::-1]


def test_legends_never_list_instances_or_routes() -> None:
    """No legend has an instance, and a legend has a route only for the top ten."""
    for query in QUERIES:
        assert "{{instance}}" not in query.target["legendFormat"]
        if "http_route}}" in query.target["legendFormat"]:
            assert "bottomk(10, " in query.expr or "topk(10, " in query.expr


def test_tables_are_bounded() -> None:
    """Every query of a table of routes, instances or pools limits the number of rows."""
    for board in BOARDS:
        for panel in panels(board):
            if panel["type"] == "table" and panel["title"] != "Services":
                for target in panel["targets"]:
                    assert "topk(" in target["expr"] or "bottomk(" in target["expr"], panel["title"]


def test_ratios_and_quantiles_are_guarded() -> None:
    """Without traffic a quantile has no value, rather than NaN: each is compared with ``>= 0``."""
    for query in QUERIES:
        found = query.expr.count("histogram_quantile(")
        assert query.expr.count(") >= 0") >= found


def test_client_errors_are_not_errors() -> None:
    """4xx responses have a colour other than errors and warnings, and are in no panel *Errors*."""
    assert STATUS_CLASSES["4xx"] not in {BAD, WARN, STATUS_CLASSES["5xx"]}
    assert not [query for query in QUERIES if "4.." in query.expr and query.panel == "Errors"]


def test_four_first_screens_require_no_sidelight() -> None:
    """The first rows of four dashboards have queries that work without Sidelight."""
    for board in BOARDS:
        if board["uid"] in NATIVE:
            first = [panel for panel in panels(board) if panel["gridPos"]["y"] == 0]
            exprs = [target["expr"] for panel in first for target in panel["targets"]]
            assert [text for text in exprs if "fastapi_" not in text and "sidelight_" not in text]
