"""The engine evaluates all queries that Sidelight ships."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import yaml

from sidelight.embedded.promql.engine import checked_query, instant_query, range_query
from sidelight.embedded.promql.limits import QueryError
from tests.dashboards.reading import ROOT, dashboards, sent
from tests.embedded.promql.series_notation import WrittenSeries

RULES = (
    "deploy/prometheus/rules/sidelight.yml",
    "deploy/prometheus/tests/shop.yml",
)
SELECTOR = re.compile(r"label_values\((.+), \w+\)")


def dashboard_queries() -> Iterator[str]:
    for board in dashboards():
        for found in _of(board):
            yield sent(found)


def _of(part: Any) -> Iterator[str]:
    """Yield every expression of panels, annotations and variables."""
    if isinstance(part, dict):
        if isinstance(part.get("expr"), str):
            yield part["expr"]
        if isinstance(part.get("query"), str) and (found := SELECTOR.match(part["query"])):
            yield found[1]
        part = list(part.values())
    if isinstance(part, list):
        for one in part:
            yield from _of(one)


def rule_queries() -> Iterator[str]:
    for path in RULES:
        for group in yaml.safe_load((ROOT / path).read_text())["groups"]:
            for rule in group["rules"]:
                yield rule["expr"]
                yield from _asked_in_messages(json.dumps(rule.get("annotations", {})))


def _asked_in_messages(text: str) -> Iterator[str]:
    for found in re.findall(r"query \(printf `([^`]*)`", text):
        asked = found.replace('\\"', '"').replace("%q", '"shop"')
        yield asked.replace("%[1]s", "shop").replace("%s", "shop")


@cache
def shipped() -> list[str]:
    return sorted({*dashboard_queries(), *rule_queries()})


def words(text: str) -> set[str]:
    """Return the functions, operators and modifiers of a query, from the parser's tree."""
    found: set[str] = set()

    def visit(node: Any) -> bool:
        found.update(_words(node))
        return True

    promql_parser.walk(promql_parser.parse(text), visit)
    return found


def _words(node: Any) -> Iterator[str]:
    if isinstance(node, promql_parser.Call):
        yield node.func.name
    if isinstance(node, promql_parser.AggregateExpr | promql_parser.BinaryExpr):
        yield str(node.op)
        yield from _of_modifier(node.modifier)
    yield from (name for name in ("offset", "at") if getattr(node, name, None) is not None)
    yield type(node).__name__


def _of_modifier(modifier: Any) -> Iterator[str]:
    for part in (modifier, getattr(modifier, "matching", None)):
        if part is not None:
            yield str(getattr(part, "type", ""))
    yield str(getattr(modifier, "card", ""))
    if getattr(modifier, "return_bool", False):
        yield "bool"


def test_all_shipped_queries_are_found() -> None:
    """The list has the queries and the language elements that are known to be shipped."""
    known = set().union(*(words(text) for text in shipped()))
    assert len(shipped()) > 150
    assert {
        "rate", "increase", "histogram_quantile", "label_replace", "sum_over_time", "absent",
        "sum", "max", "topk", "count", "group", "/", "or", "and", "unless", "==", "offset",
    } <= known  # fmt: skip


def test_shipped_queries_are_supported() -> None:
    """Every query of every dashboard and rule is evaluated without samples."""
    source = WrittenSeries("none_such 1")
    failures = []
    for text in shipped():
        try:
            instant_query(text, source, 60_000)
            range_query(text, source, 0, 60_000, 15_000)
        except QueryError as error:
            failures.append(f"{text}: {error}")
    assert failures == []


TYPED = (Path(__file__).parent / "typed.txt").read_text().splitlines()


def test_functions_of_prometheus_3_are_supported() -> None:
    """All 78 functions of Prometheus 3 work, without experimental and native histogram ones."""
    names = [re.split(r"\W", line)[0] for line in TYPED]
    assert len(set(names)) == len(TYPED) == 78
    for line in TYPED:
        checked_query(line)
