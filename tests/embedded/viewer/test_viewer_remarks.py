"""What a server says about a query is shown on the panel, as in Grafana."""

from typing import Any, cast

import anyio

from sidelight.embedded.viewer.clients import PrometheusClient
from sidelight.embedded.viewer.panel_data import Refresh, panel_content
from sidelight.embedded.viewer.query_result import QueryResult, query_result
from sidelight.embedded.viewer.time_range import TimeRange
from sidelight.embedded.viewer.variables import PageState
from tests.embedded.viewer.builders import make_dashboard, panel_json, query

VECTOR = {"resultType": "vector", "result": [{"metric": {}, "value": [1, "2"]}]}


class AnsweringServer:
    """Answers each query with an info and a warning."""

    async def query(self, *_: Any) -> QueryResult:
        about = {"infos": ["might not be a counter (1:6)"], "warnings": ["truncated"]}
        return query_result({"status": "success", "data": VECTOR, **about})


def test_infos_and_warnings_are_remarks_of_the_panel() -> None:
    """A panel has each text once, however many of its queries have it."""
    targets = [{**query(ref), "instant": True} for ref in "AB"]
    dashboard = make_dashboard(panel_json("stat", targets=targets))
    (panel,) = dashboard.panels
    state = PageState({}, "now-1h", "now")
    server = cast("PrometheusClient", AnsweringServer())
    content = anyio.run(panel_content, Refresh(dashboard, state, TimeRange(0, 60), server), panel)
    assert content["kind"] == "stat"
    assert content["remarks"] == ["truncated", "might not be a counter (1:6)"]
