"""What is wrong with the lines of a graph, their legends, and the options of single fields."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from math import inf
from typing import Any

Fault = tuple[str, str]
"""The line or the override, and what is wrong with it."""


def of_lines(panel: Mapping[str, Any]) -> Iterator[Fault]:
    """The faults of lines and their legends."""
    for line in panel["lines"]:
        yield from ((line["name"], what) for what in _of_legend(line["name"]))
        if not line["values"]:
            yield line["name"], "empty line"
    names = Counter(line["name"] for line in panel["lines"])
    yield from ((name, "legend of two lines") for name, count in names.items() if count > 1)


def _of_legend(name: str) -> Iterator[str]:
    if not name.strip():
        yield "legend without text"
    elif name != " ".join(name.split()):
        yield "legend with a gap: a label has no value"
    if re.search(r"\{\w+=\"|\(", name):
        yield "legend is a raw label set or a query"
    if any(one == other for one, other in pairwise(name.split())):
        yield "legend says a word twice"


def of_scale(panel: Mapping[str, Any], saved: Mapping[str, Any]) -> Iterator[Fault]:
    """Lines that leave their axis at the bottom, and shares of more than all."""
    defaults = saved.get("fieldConfig", {}).get("defaults", {})
    least = defaults.get("min", -inf)
    most = 1 if defaults.get("unit") == "percentunit" else inf
    for line in panel["lines"]:
        if min(line["values"], default=least) < least:
            yield line["name"], "line below its axis"
        if max(line["values"], default=most) > most:
            yield line["name"], "share of more than all"


def of_overrides(panel: Mapping[str, Any], saved: Mapping[str, Any]) -> Iterator[Fault]:
    """Overrides that meet nothing, and are for no legend that a query can have."""
    legends = [one.get("legendFormat", "") for one in saved.get("targets", ())]
    for override in panel["overrides"]:
        matcher = override["matcher"]
        if not override["met"] and not any(_may_meet(matcher, legend) for legend in legends):
            yield str(matcher.get("options", "")), f"override {matcher['id']} meets nothing"


def _may_meet(matcher: Mapping[str, Any], legend: str) -> bool:
    """Whether a matcher can meet a line with this legend, whose labels may have any value."""
    if matcher["id"] == "byName":
        return matcher["options"] == legend or "{{" in legend
    return matcher["id"] == "byRegexp" and bool(re.search(matcher["options"], legend))
