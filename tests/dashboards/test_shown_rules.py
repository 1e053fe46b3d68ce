"""What Grafana would show wrong, found in the files: a rule for each kind of fault.

Each rule has a change to a dashboard that brings the fault back, and that the rule finds.
"""

import copy
import re
from collections.abc import Callable, Iterable, Iterator

import promql_parser
import pytest

from dashboards.colours import BAD, PLAIN
from dashboards.panels import LONGEST
from tests.dashboards.reading import Made, dashboards, panels, queries, sent, variables

BOARDS = {board["uid"]: board for board in dashboards()}
TILES = {"bargauge", "gauge", "stat"}
GRAPHS = {"heatmap", "timeseries"}
SCREEN = 1450
"""The pixels of a full row on a screen that is 1,500 wide."""
MAY_BE_MISSING = {"http_route", "error_type", "http_request_method"}
"""Labels that some series do not have, so that a legend of several labels would have a gap."""
UNKNOWN = {"auto", "auto_min", "auto_count", "footer"}
"""Keys that Grafana's types do not have."""
Rule = Callable[[Made], Iterable[str]]


def of_panels(found: Callable[[Made], Iterable[str]], *types: str) -> Rule:
    """A rule about each panel of some types."""

    def rule(board: Made) -> Iterator[str]:
        for panel in panels(board):
            if panel["type"] in types:
                yield from (f"{panel['title']}: {problem}" for problem in found(panel))

    return rule


def overrides(panel: Made) -> Iterator[tuple[Made, Made]]:
    """The matcher of each override, and its properties by their ids."""
    for one in panel["fieldConfig"]["overrides"]:
        yield one["matcher"], {each["id"]: each["value"] for each in one["properties"]}


def words_in_cells(panel: Made) -> Iterator[str]:
    """Grafana shows the text of an empty table in each cell that has no text of its own."""
    every = [set_ for matcher, set_ in overrides(panel) if matcher["options"] == ".*"]
    if not every or every[0].get("noValue") != "":
        yield "empty cells"
    hidden = {matcher["options"] for matcher, set_ in overrides(panel) if "custom.hidden" in set_}
    names = panel["transformations"][-1]["options"]["renameByName"]
    texts = {f"${{__data.fields.{names[f'shown_{label}']}}}" for label in hidden}
    for _, set_ in overrides(panel):
        for link in set_.get("links", ()):
            if any(text in link["url"] for text in texts):
                yield "a link that has the text of a cell in place of its label"


def fixed_intervals(board: Made) -> Iterator[str]:
    """A step of a query is used in place of the data source's scrape interval."""
    yield from (str(query) for query in queries(board) if "interval" in query.target)
    for panel in panels(board):
        if "interval" in panel and not any(":" in one["expr"] for one in panel["targets"]):
            yield f"{panel['title']}: a step of raw series"


def links_in_a_menu(board: Made) -> Iterator[str]:
    """Links are on the bar, and one is a menu of all dashboards with the tag."""
    menus = [link["tags"] for link in board["links"] if link["asDropdown"]]
    if menus != [["sidelight"]]:
        yield f"menus: {menus}"
    yield from (link["title"] for link in board["links"] if "placement" in link)


def dropped_exemplars(panel: Made) -> Iterator[str]:
    """Grafana drops a query for exemplars if an earlier one contains its metric's name."""
    for place, one in enumerate(panel["targets"]):
        for metric in re.findall(r"\w+_bucket", one["expr"] if one["exemplar"] else ""):
            if any(metric in other["expr"] for other in panel["targets"][:place]):
                yield f"{one['refId']} is dropped"


def coloured_nothing(panel: Made) -> Iterator[str]:
    """Where there is no value, Grafana uses the first colour of the thresholds."""
    found = [panel["fieldConfig"]["defaults"], *(set_ for _, set_ in overrides(panel))]
    for one in found:
        if "thresholds" in one and one["thresholds"]["steps"][0]["color"] != PLAIN:
            yield "the colour of no value"


def long_texts(panel: Made) -> Iterator[str]:
    """A text that is as wide as a tile is too small to read."""
    text = panel["fieldConfig"]["defaults"]["noValue"]
    if len(text) > LONGEST:
        yield text


def different_rows(panel: Made) -> Iterator[str]:
    """All columns of a table choose the same rows."""
    chosen = {tuple(tops(target["expr"])) for target in panel["targets"]}
    if len(chosen) > 1:
        yield str(chosen)


def tops(expr: str) -> Iterator[str]:
    """What each topk or bottomk of a query chooses from."""
    found: list[str] = []

    def visit(node: object) -> bool:
        if isinstance(node, promql_parser.AggregateExpr) and "k" in str(node.op):
            found.append(f"{node.param}: {node.expr.prettify()}")
        return True

    promql_parser.walk(promql_parser.parse(sent(expr)), visit)
    return iter(found)


def every_job(board: Made) -> Iterator[str]:
    """All jobs are those that a query finds, and not each of that Prometheus."""
    (job,) = [one for one in variables(board) if one["name"] == "job"]
    if job.get("allValue") or "sidelight_workers" not in job["query"]["query"]:
        yield str(job)


def wrong_units(panel: Made) -> Iterator[str]:
    """Numbers of events have no decimals, and only requests are requests per second."""
    defaults = panel["fieldConfig"]["defaults"]
    by_name = {matcher["options"]: set_ for matcher, set_ in overrides(panel)}
    for target in panel["targets"]:
        options = {**defaults, **by_name.get(target["legendFormat"], {})}
        counted = re.search(r"increase\(|sum_over_time\(", target["expr"])
        if counted and options["unit"] == "short" and options.get("decimals") != 0:
            yield f"{target['refId']}: a count with decimals"
        if options["unit"] == "reqps" and "request" not in target["expr"]:
            yield f"{target['refId']}: no requests"


def too_wide(panel: Made) -> Iterator[str]:
    """A table fits on a page that is 1,500 pixels wide."""
    least = panel["fieldConfig"]["defaults"]["custom"]["minWidth"]
    shown = panel["transformations"][-1]["options"]["renameByName"].values()
    widths = {
        matcher["options"]: set_.get("custom.width", least) for matcher, set_ in overrides(panel)
    }
    used = sum(widths.get(name, least) for name in set(shown))
    if used > SCREEN * panel["gridPos"]["w"] / 24:
        yield f"{used} pixels"


def gaps_in_legends(board: Made) -> Iterator[str]:
    """A legend of several labels has none that a series may not have."""
    for query in queries(board):
        labels = re.findall(r"\{\{(\w+)\}\}", query.target["legendFormat"])
        missing = MAY_BE_MISSING & set(labels)
        if "slo" not in query.expr:
            missing -= {"http_request_method"}
        if len(labels) > 1 and missing:
            yield f"{query}: {missing}"


def useless_overrides(panel: Made) -> Iterator[str]:
    """Each override is for a line that is there."""
    legends = [target["legendFormat"] for target in panel["targets"]]
    for matcher, _ in overrides(panel):
        text = matcher["options"]
        if matcher["id"] == "byRegexp":
            met = any(re.search(text, legend) for legend in legends)
        else:
            met = text in legends or any("{{" in legend for legend in legends)
        if not met:
            yield text


def first_screen(board: Made) -> Iterator[str]:
    """A dashboard begins with six tiles and three graphs."""
    tiles = [panel for panel in panels(board) if panel["gridPos"]["y"] == 0]
    below = tiles[0]["gridPos"]["h"]
    graphs = [panel for panel in panels(board) if panel["gridPos"]["y"] == below]
    for some, types, count in ((tiles, TILES, 6), (graphs, GRAPHS, 3)):
        if len(some) != count or not {panel["type"] for panel in some} <= types:
            yield str([panel["title"] for panel in some])


def unknown_keys(model: object) -> Iterator[str]:
    """Keys, anywhere in a dashboard, that Grafana does not have."""
    if isinstance(model, dict):
        yield from UNKNOWN & set(model)
        model = list(model.values())
    if isinstance(model, list):
        for one in model:
            yield from unknown_keys(one)


def changed(kind: str, title: str, change: Callable[[Made], object]) -> Callable[[Made], object]:
    """A change to one panel."""

    def of(board: Made) -> object:
        found = (p for p in panels(board) if p["type"] == kind and title in {"", p["title"]})
        return change(next(found))

    return of


def steps(panel: Made) -> Made:
    first: Made = panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]
    return first


RULES: dict[str, tuple[Rule, Callable[[Made], object]]] = {
    "words in cells": (
        of_panels(words_in_cells, "table"),
        changed("table", "", lambda p: p["fieldConfig"]["overrides"].pop(0)),
    ),
    "links of cells": (
        of_panels(words_in_cells, "table"),
        changed(
            "table",
            "Routes by share of time",
            lambda p: [
                one.update(value=[{"url": "${__data.fields.Route}"}])
                for override in p["fieldConfig"]["overrides"]
                for one in override["properties"]
                if one["id"] == "links"
            ],
        ),
    ),
    "fixed intervals": (
        fixed_intervals,
        changed("stat", "", lambda p: p["targets"][0].update(interval="15s")),
    ),
    "no menu of links": (links_in_a_menu, lambda board: board["links"].pop()),
    "links in a menu": (
        links_in_a_menu,
        lambda board: board["links"][0].update(placement="inControlsMenu"),
    ),
    "dropped exemplars": (
        of_panels(dropped_exemplars, *GRAPHS),
        changed("timeseries", "Latency", lambda p: p["targets"].reverse()),
    ),
    "coloured nothing": (
        of_panels(coloured_nothing, *TILES, "table"),
        changed("stat", "Errors", lambda p: steps(p).update(color=BAD)),
    ),
    "long texts": (
        of_panels(long_texts, *TILES),
        changed("stat", "", lambda p: p["fieldConfig"]["defaults"].update(noValue="No " * 9)),
    ),
    "different rows": (
        of_panels(different_rows, "table"),
        changed(
            "table", "Routes by share of time", lambda p: p["targets"][1].update(expr="topk(9, up)")
        ),
    ),
    "every job": (
        every_job,
        lambda board: next(v for v in variables(board) if v["name"] == "job").update(allValue=".+"),
    ),
    "counts with decimals": (
        of_panels(wrong_units, *TILES, *GRAPHS, "table"),
        changed(
            "stat", "Total of requests", lambda p: p["fieldConfig"]["defaults"].pop("decimals")
        ),
    ),
    "units": (
        of_panels(wrong_units, *TILES, *GRAPHS, "table"),
        changed("timeseries", "CPU", lambda p: p["fieldConfig"]["defaults"].update(unit="reqps")),
    ),
    "wide tables": (
        of_panels(too_wide, "table"),
        changed("table", "", lambda p: p["fieldConfig"]["defaults"]["custom"].update(minWidth=300)),
    ),
    "gaps in legends": (
        gaps_in_legends,
        changed(
            "timeseries",
            "",
            lambda p: p["targets"][0].update(legendFormat="{{job}} {{http_route}}"),
        ),
    ),
    "useless overrides": (
        of_panels(useless_overrides, *GRAPHS, *TILES),
        changed(
            "timeseries",
            "CPU",
            lambda p: p["fieldConfig"]["overrides"].append(
                {"matcher": {"id": "byRegexp", "options": "^Limit.*"}, "properties": []}
            ),
        ),
    ),
    "first screens": (first_screen, lambda board: board["panels"].pop(0)),
    "unknown keys": (unknown_keys, lambda board: variables(board)[0].update(auto=False)),
}


@pytest.mark.parametrize("uid", BOARDS)
@pytest.mark.parametrize("name", RULES)
def test_grafana_shows_nothing_wrong(name: str, uid: str) -> None:
    """A dashboard has no fault of a kind that Grafana would show."""
    assert list(RULES[name][0](BOARDS[uid])) == []


@pytest.mark.parametrize("name", RULES)
def test_each_rule_finds_its_fault(name: str) -> None:
    """A dashboard into which a fault is put back has a complaint of the rule for it."""
    board = copy.deepcopy(BOARDS["sidelight-service"])
    rule, change = RULES[name]
    change(board)
    assert list(rule(board))
