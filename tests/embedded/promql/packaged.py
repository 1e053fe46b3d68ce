"""Every query that Sidelight ships: of dashboards, variables, annotations and rules."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml  # type: ignore[import-untyped] # has no types

from tests.dashboards.reading import ROOT, dashboards, queries, sent, variables

RULES = (
    ROOT / "deploy" / "prometheus" / "rules" / "sidelight.yml",
    ROOT / "deploy" / "prometheus" / "tests" / "shop.yml",
)
THRESHOLD: Final = re.compile(r" [<>=!]=? [0-9.]+\b")
CHOSEN: tuple[dict[str, str], ...] = (
    {},  # All
    {"job": "shop", "instance": "10.0.0.1:8000", "route": "/products", "method": "GET"},
    # Several are sent as a group; Grafana escapes what means something in a regular expression,
    # and then that backslash for the string it is in.
    {
        "job": "(shop|other)",
        "instance": r"(10\\.0\\.0\\.1:8000|10\\.0\\.0\\.2:8000)",
        "route": "(/products|/orders/checkout)",
        "method": "(GET|POST)",
        "__rate_interval": "5m",
    },
)


class Shipped(NamedTuple):
    """Where a query is, and its text as it is sent."""

    place: str
    text: str


def shipped() -> list[Shipped]:
    """All of them, each text once; rules without their thresholds too, which few things pass."""
    rules = list(of_rules())
    bare = [Shipped(f"{one.place}, no threshold", THRESHOLD.sub("", one.text)) for one in rules]
    return list({one.text: one for one in [*bare, *rules, *of_dashboards()]}.values())


def of_dashboards() -> Iterator[Shipped]:
    for board in dashboards():
        for place, text in _of(board):
            for chosen in CHOSEN:
                yield Shipped(f"{board['uid']}: {place}", sent(text, **chosen))


def _of(board: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for asked in queries(board):
        if "expr" in asked.target:
            yield str(asked), asked.expr
    for one in board["annotations"]["list"]:
        yield f"annotation {one['name']}", one["expr"]
    for one in variables(board):
        if one["type"] == "query":  # its selector: label_values(SELECTOR, LABEL)
            inside = one["query"]["query"].removeprefix("label_values(")
            yield f"variable {one['name']}", inside.rpartition(",")[0]


def of_rules() -> Iterator[Shipped]:
    for path in RULES:
        for rule in rules_of(path):
            yield Shipped(f"{path.name}: {rule.get('record') or rule['alert']}", rule["expr"])


def rules_of(path: Path) -> list[dict[str, Any]]:
    """Recording rules and alerts of a file, in their order."""
    groups = yaml.safe_load(path.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]
