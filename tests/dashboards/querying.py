"""The queries of the dashboards, sent to a real Prometheus as Grafana sends them."""

import http.client
import json
import math
import time
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sidelight.packaged import export_dashboards
from tests.dashboards.reading import (
    JSON,
    PanelQuery,
    dashboards,
    panels,
    queries,
    sent,
    variable_query,
)
from tests.live.servers import PATIENCE

WINDOWS = {"$__rate_interval": "20s", "$__interval": "5s", "$__range": "2m", ":1m]": ":5s]"}
"""The last is the interval of rules, of which a query has a value at its multiples only."""


class Answer(NamedTuple):
    """An error, or the series of a result."""

    error: str
    series: list[dict[str, Any]]

    @property
    def numbers(self) -> list[float]:
        rows = (row.get("values") or [row["value"]] for row in self.series)
        return [float(text) for values in rows for _, text in values]


def get(port: int, path: str, **parameters: str) -> Any:
    """The response of Prometheus's API."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def filled(text: str, **chosen: str) -> str:
    """A query as it is sent, with windows that suit a scrape and an evaluation each second."""
    for name, window in WINDOWS.items():
        text = text.replace(name, window)
    return sent(text, **chosen)


def send(port: int, query: PanelQuery, **chosen: str) -> Answer:
    """The answer to a query as Grafana sends it: instant, or over the last minute."""
    text, now = filled(query.expr, **chosen), time.time()
    if query.target["instant"]:
        answer = get(port, "query", query=text, time=str(now))
    else:
        answer = get(port, "query_range", query=text, start=str(now - 60), end=str(now), step="5")
    return Answer(answer.get("error", ""), answer.get("data", {}).get("result", []))


def all_queries(folder: Path = JSON) -> Iterator[PanelQuery]:
    """Every query of every dashboard."""
    for board in dashboards(folder):
        yield from queries(board)


def classic_queries(where: Path) -> list[PanelQuery]:
    """Every query of the dashboards for an engine without functions of native histograms."""
    folder = where / "classic-dashboards"
    list(export_dashboards(str(folder), native=False))
    return list(all_queries(folder))


def name(query: PanelQuery) -> str:
    """The name of a query within its dashboard."""
    return f"{query.panel} {query.target['refId']}"


def check_answered(port: int, needed: Callable[[PanelQuery], bool], **chosen: str) -> None:
    """Each query that is needed answers with series within PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    silent = [query for query in all_queries() if needed(query)]
    while silent := [query for query in silent if not send(port, query, **chosen).series]:
        assert time.monotonic() < deadline, list(map(str, silent))
        time.sleep(1)


def check_sound(port: int, **chosen: str) -> None:
    """No query fails, returns NaN or infinity, or a row that joins no row of another column."""
    wrong = [
        (str(query), problem, query.expr)
        for query in all_queries()
        for problem in problems(query, send(port, query, **chosen))
    ]
    assert not wrong, wrong
    for board in dashboards():
        for one in board["annotations"]["list"]:
            found = get(port, "query", query=sent(one["expr"]))
            assert found["status"] == "success", found


def problems(query: PanelQuery, answer: Answer) -> Iterator[object]:
    """What is wrong with an answer."""
    if answer.error:
        yield answer.error
    yield from (number for number in answer.numbers if not math.isfinite(number))
    if query.target.get("format") == "table":
        (panel,) = [
            panel
            for board in dashboards()
            for panel in panels(board)
            if (board["uid"], panel["title"], panel["type"]) == (query.uid, query.panel, "table")
        ]
        keys = set(panel["transformations"][-1]["options"]["indexByName"])
        yield from (row["metric"] for row in answer.series if not set(row["metric"]) <= keys)


def check_variables(port: int, **chosen: str) -> None:
    """Each variable has a value."""
    for board in dashboards():
        for one in board["templating"]["list"]:
            if one["type"] == "query":
                text, label = variable_query(one)
                path = f"label/{label}/values" if label else "query"
                found = get(port, path, **{"match[]" if label else "query": sent(text, **chosen)})
                data = found["data"]
                assert data if label else data["result"], (board["uid"], one["name"])


def highest(port: int, uid: str, named: str, **chosen: str) -> float:
    """The largest number that a query returns; 0 if it returns none."""
    (query,) = [one for one in all_queries() if (one.uid, name(one)) == (uid, named)]
    return max(send(port, query, **chosen).numbers, default=0.0)


def traces(port: int, query: PanelQuery) -> set[str]:
    """The trace ids of the exemplars of a query."""
    now = time.time()
    found = get(
        port, "query_exemplars", query=filled(query.expr), start=str(now - 60), end=str(now)
    )
    return {one["labels"]["trace_id"] for row in found["data"] for one in row["exemplars"]}
