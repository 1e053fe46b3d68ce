"""A dashboard's queries, put to a real Prometheus as Grafana puts them."""

import http.client
import json
import math
import time
import urllib.parse
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.dashboards.reading import Asked, dashboards, panels, queries, sent
from tests.live.servers import PATIENCE

WINDOWS = {"$__rate_interval": "20s", "$__interval": "5s", "$__range": "2m"}


class Answer(NamedTuple):
    """What Prometheus said: an error, or values."""

    error: str
    series: list[dict[str, Any]]

    @property
    def numbers(self) -> list[float]:
        rows = (row.get("values") or [row["value"]] for row in self.series)
        return [float(text) for values in rows for _, text in values]


def get(port: int, path: str, **parameters: str) -> Any:
    """What an address of its API answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


def filled(text: str, **chosen: str) -> str:
    """A query as it is sent, with windows that suit a scrape each second."""
    for name, window in WINDOWS.items():
        text = text.replace(name, window)
    return sent(text, **chosen)


def put(port: int, asked: Asked, **chosen: str) -> Answer:
    """A query as Grafana puts it: at once, or over the last minute."""
    text, now = filled(asked.expr, **chosen), time.time()
    if asked.target["instant"]:
        answer = get(port, "query", query=text, time=str(now))
    else:
        answer = get(port, "query_range", query=text, start=str(now - 60), end=str(now), step="5")
    return Answer(answer.get("error", ""), answer.get("data", {}).get("result", []))


def each() -> Iterator[Asked]:
    """Every query of every dashboard."""
    for board in dashboards():
        yield from queries(board)


def key(asked: Asked) -> str:
    """A query's name within its dashboard."""
    return f"{asked.panel} {asked.target['refId']}"


def check_sound(asked: Asked, answer: Answer) -> None:
    """Neither an error, nor a value that is no number, nor a row that joins no other column's."""
    assert not answer.error, (str(asked), answer.error, asked.expr)
    wrong = [n for n in answer.numbers if math.isnan(n) or math.isinf(n)]
    assert not wrong, (str(asked), asked.expr)
    if asked.target.get("format") == "table":
        (panel,) = [
            panel
            for board in dashboards()
            for panel in panels(board)
            if (board["uid"], panel["title"], panel["type"]) == (asked.uid, asked.panel, "table")
        ]
        keys = set(panel["transformations"][-1]["options"]["renameByName"])
        for row in answer.series:
            assert set(row["metric"]) <= keys, (str(asked), row["metric"])


def check_annotations(port: int) -> None:
    """What is marked on graphs is asked for without error."""
    for board in dashboards():
        for one in board["annotations"]["list"]:
            found = get(port, "query", query=sent(one["expr"]))
            assert found["status"] == "success", found


def check_variables(port: int) -> None:
    """Each variable has something to choose."""
    for board in dashboards():
        for one in board["templating"]["list"]:
            if one["type"] == "query":
                inside = one["query"]["query"].removeprefix("label_values(").removesuffix(")")
                selector, _, label = inside.rpartition(", ")
                found = get(port, f"label/{label}/values", **{"match[]": sent(selector)})
                assert found["data"], (board["uid"], one["name"])


def traces(port: int, asked: Asked) -> set[str]:
    """Trace ids that a query for exemplars leads to."""
    now = time.time()
    found = get(
        port, "query_exemplars", query=filled(asked.expr), start=str(now - 60), end=str(now)
    )
    return {one["labels"]["trace_id"] for row in found["data"] for one in row["exemplars"]}
