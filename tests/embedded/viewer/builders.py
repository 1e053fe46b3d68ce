"""Panels and results for tests, in the form of Grafana's JSON and Prometheus's results."""

from typing import Any

from sidelight.embedded.viewer.dashboard import Dashboard, Panel, parse
from sidelight.embedded.viewer.query_result import QueryResult, ResultSeries

Json = dict[str, Any]


def query(ref: str = "A", legend: str = "", **more: Any) -> Json:
    return {"refId": ref, "expr": f"expr_{ref}", "legendFormat": legend, **more}


def panel_json(kind: str, **more: Any) -> Json:
    place = {"x": 0, "y": 0, "w": 12, "h": 8}
    base = {"id": 1, "type": kind, "title": kind, "gridPos": place, "targets": [query()]}
    return {**base, **more}


def dashboard_json(*panels: Json, **more: Any) -> Json:
    return {"uid": "sidelight-made", "title": "Sidelight / Made", "panels": list(panels), **more}


def make_panel(kind: str, **more: Any) -> Panel:
    return next(make_dashboard(panel_json(kind, **more)).panels)


def make_dashboard(*panels: Json, **more: Any) -> Dashboard:
    return parse(dashboard_json(*panels, **more))


def series(labels: dict[str, str] | None = None, *points: tuple[float, float]) -> ResultSeries:
    return ResultSeries(labels or {}, [t for t, _ in points], [value for _, value in points])


def result(*found: ResultSeries) -> QueryResult:
    return QueryResult(found)


def override(name: str, **properties: Any) -> Json:
    """An override by the name of a field; ``custom__x`` stands for ``custom.x``."""
    made = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": made}


def query_variable(name: str, query: str, **more: Any) -> Json:
    return {"type": "query", "name": name, "query": {"query": query}, **more}
