"""All queries that Sidelight ships, in dashboards, variables, annotations and rules."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from tests.dashboards.reading import ROOT, dashboards, queries, sent, variable_query, variables

RULES = (
    ROOT / "deploy" / "prometheus" / "rules" / "sidelight.yml",
    ROOT / "deploy" / "prometheus" / "tests" / "shop.yml",
)
THRESHOLD: Final = re.compile(r" [<>=!]=? [0-9.]+\b")
CHOSEN: tuple[dict[str, str], ...] = (
    {},  # All
    {"job": "shop", "instance": "10.0.0.1:8000", "route": "/products", "method": "GET"},
    # Grafana sends several values as a group. It escapes special characters of regular
    # expressions, and then the backslash for the string.
    {
        "job": "(shop|other)",
        "instance": r"(10\\.0\\.0\\.1:8000|10\\.0\\.0\\.2:8000)",
        "route": "(/products|/orders/checkout)",
        "method": "(GET|POST)",
        "__rate_interval": "5m",
    },
)


class ShippedQuery(NamedTuple):
    """The place of a query, and its text as Grafana sends it."""

    place: str
    text: str


def shipped_queries() -> list[ShippedQuery]:
    """Return all queries once; rules also without their thresholds, which few samples exceed."""
    rules = list(rule_queries())
    bare = [
        ShippedQuery(f"{one.place}, no threshold", THRESHOLD.sub("", one.text)) for one in rules
    ]
    return list({one.text: one for one in [*bare, *rules, *dashboard_queries()]}.values())


def dashboard_queries() -> Iterator[ShippedQuery]:
    for board in dashboards():
        for place, text in _of(board):
            for chosen in CHOSEN:
                yield ShippedQuery(f"{board['uid']}: {place}", sent(text, **chosen))


def _of(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for asked in queries(board):
        if "expr" in asked.target:
            yield str(asked), asked.expr
    for one in board["annotations"]["list"]:
        yield f"annotation {one['name']}", one["expr"]
    for one in variables(board):
        if one["type"] == "query":
            yield f"variable {one['name']}", variable_query(one)[0]


def rule_queries() -> Iterator[ShippedQuery]:
    for path in RULES:
        for rule in rules_of(path):
            yield ShippedQuery(f"{path.name}: {rule.get('record') or rule['alert']}", rule["expr"])


def rules_of(path: Path) -> list[dict[str, Any]]:
    """Return the rules of a file in their order."""
    groups = yaml.safe_load(path.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]
