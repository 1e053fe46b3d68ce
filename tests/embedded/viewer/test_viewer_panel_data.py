"""What the browser gets for a panel: its title, and its text and color without data."""

from typing import Any, cast

import anyio
import pytest

from sidelight.embedded.viewer.clients import PrometheusClient
from sidelight.embedded.viewer.dashboard import Dashboard
from sidelight.embedded.viewer.panel_data import Refresh, panel_content
from sidelight.embedded.viewer.query_result import QueryResult, TraceExemplar
from sidelight.embedded.viewer.time_range import QueryInterval, TimeRange
from sidelight.embedded.viewer.variables import PageState
from tests.embedded.viewer.builders import (
    make_dashboard,
    panel_json,
    query,
    query_variable,
    result,
    series,
)

BUCKETS = result(series({"le": "1"}, (0, 5)), series({"le": "+Inf"}, (0, 5)))


class Answers:
    """Has the result of one expression, and an exemplar of another."""

    def __init__(self, expr: str = "", found: QueryResult | None = None) -> None:
        self.expr, self.found = expr, found

    async def query(self, expr: str, *_: Any) -> QueryResult:
        return self.found if self.found and expr == self.expr else result()

    query_range = query

    async def exemplars(self, expr: str, *_: Any) -> tuple[TraceExemplar, ...]:
        return (TraceExemplar(0, 0.5, {"trace_id": expr}),)


def content(dashboard: Dashboard, server: Answers) -> dict[str, Any]:
    """What the browser gets for the first panel, while the job a is selected."""
    panel = next(dashboard.panels)
    state = PageState({"job": ("a",)}, "now-1h", "now")
    client = cast("PrometheusClient", server)
    return anyio.run(panel_content, Refresh(dashboard, state, TimeRange(0, 60), client), panel)


def test_nothing_has_the_first_color() -> None:
    """The text of a tile without data has the color below all thresholds, as in Grafana."""
    steps = [{"value": None, "color": "#7d8794"}, {"value": 0, "color": "#4a9d5b"}]
    defaults = {"noValue": "None", "thresholds": {"mode": "absolute", "steps": steps}}
    config = {"fieldConfig": {"defaults": defaults}}
    found = content(make_dashboard(panel_json("stat", **config)), Answers())
    assert (found["kind"], found["text"], found["color"]) == ("empty", "None", "#7d8794")
    found = content(make_dashboard(panel_json("timeseries", **config)), Answers())
    assert (found["kind"], found["color"]) == ("empty", "")


def test_an_empty_table_has_the_text_of_the_panel() -> None:
    """The text of a table without rows is the panel's, whatever its cells have without a value."""
    every = {"matcher": {"id": "byRegexp", "options": ".*"}}
    override = {**every, "properties": [{"id": "noValue", "value": ""}]}
    config = {"defaults": {"noValue": "No alert fires"}, "overrides": [override]}
    found = content(make_dashboard(panel_json("table", fieldConfig=config)), Answers())
    assert (found["kind"], found["text"]) == ("empty", "No alert fires")


def test_a_title_names_what_is_selected() -> None:
    """The title of a panel has the value of a variable."""
    variables = {"list": [query_variable("job", "label_values(up, job)")]}
    dashboard = make_dashboard(panel_json("stat", title="p95 of $job"), templating=variables)
    assert content(dashboard, Answers())["title"] == "p95 of a"


def test_a_heatmap_has_buckets_after_exemplars() -> None:
    """A heatmap is drawn of the first query that is not for exemplars, with the exemplars."""
    targets = [query("Traces", exemplar=True), query("A")]
    dashboard = make_dashboard(panel_json("heatmap", targets=targets))
    found = content(dashboard, Answers("expr_A", BUCKETS))
    assert found["kind"] == "chart"
    assert len(found["option"]["series"]) == 2


@pytest.mark.parametrize(
    ("scrape", "raw", "recorded"),
    [
        (5.0, QueryInterval(5, 20, 3600), QueryInterval(5, 20, 3600)),
        (15.0, QueryInterval(15, 60, 3600), QueryInterval(60, 75, 3600)),
        (30.0, QueryInterval(30, 120, 3600), QueryInterval(60, 120, 3600)),
        (120.0, QueryInterval(120, 480, 3600), QueryInterval(60, 480, 3600)),
    ],
)
def test_rates_follow_the_scrapes(
    scrape: float, raw: QueryInterval, recorded: QueryInterval
) -> None:
    """A rate covers four scrapes, however rare they are; rules run as often as fast scrapes."""
    dashboard = make_dashboard(panel_json("stat"), panel_json("stat", interval="1m"))
    state, client = PageState({}, "now-1h", "now"), cast("PrometheusClient", Answers())
    period = TimeRange(0, 3600)
    refresh = Refresh(dashboard, state, period, client, scrape_interval=scrape)
    found = [refresh.interval(panel, panel.queries[0]) for panel in dashboard.panels]
    assert found == [raw, recorded]
