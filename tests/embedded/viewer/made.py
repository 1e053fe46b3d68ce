"""Panels and answers for tests, made as Grafana's JSON and Prometheus's answers are."""

from typing import Any

from sidelight.embedded.viewer.board import Board, Panel, board
from sidelight.embedded.viewer.prometheus import Answer, Series

Json = dict[str, Any]


def target(ref: str = "A", legend: str = "", **more: Any) -> Json:
    return {"refId": ref, "expr": f"expr_{ref}", "legendFormat": legend, **more}


def panel_json(kind: str, **more: Any) -> Json:
    place = {"x": 0, "y": 0, "w": 12, "h": 8}
    base = {"id": 1, "type": kind, "title": kind, "gridPos": place, "targets": [target()]}
    return {**base, **more}


def board_json(*panels: Json, **more: Any) -> Json:
    return {"uid": "sidelight-made", "title": "Sidelight / Made", "panels": list(panels), **more}


def made_panel(kind: str, **more: Any) -> Panel:
    return next(made_board(panel_json(kind, **more)).panels)


def made_board(*panels: Json, **more: Any) -> Board:
    return board(board_json(*panels, **more))


def series(labels: dict[str, str] | None = None, *points: tuple[float, float]) -> Series:
    return Series(labels or {}, [t for t, _ in points], [value for _, value in points])


def answer(*found: Series) -> Answer:
    return Answer(found)


def override(name: str, **properties: Any) -> Json:
    """For the field of this name; ``custom__x`` is written for ``custom.x``."""
    made = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": made}


def query_variable(name: str, query: str, **more: Any) -> Json:
    return {"type": "query", "name": name, "query": {"query": query}, **more}
