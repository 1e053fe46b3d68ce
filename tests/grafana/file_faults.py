"""What is wrong in the file of a dashboard, whatever its queries return."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.grafana.faults import Fault

COUNT_UNITS: Final = {"short", "none", "locale"}


def file_faults(board: Mapping[str, Any]) -> list[Fault]:
    """Faults of the links of a dashboard, and of queries beside the units of their panels."""
    links = [
        Fault(board["uid"], "links", link["title"], "link is in a menu, not on the bar")
        for link in board["links"]
        if link.get("placement", "") != ""
    ]
    return links + [
        Fault(board["uid"], panel["title"], part, what)
        for panel in board["panels"]
        for target in panel.get("targets", ())
        for part, what in _of_target(panel, target)
    ]


def _of_target(panel: Mapping[str, Any], target: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    options = _options(panel, target)
    expr, unit = target["expr"], options.get("unit", "short")
    name = target.get("legendFormat", "")
    extrapolated = "increase(" in expr and "round(" not in expr
    if extrapolated and unit in COUNT_UNITS and options.get("decimals") != 0:
        yield name, "count with decimals"
    if unit == "reqps" and not re.search("request", expr):
        yield name, "requests per second of what is no request"


def _options(panel: Mapping[str, Any], target: Mapping[str, Any]) -> Mapping[str, Any]:
    """The options of the fields of a query: the panel's, and those of its own name."""
    config = panel["fieldConfig"]
    own = [
        {one["id"]: one["value"] for one in override["properties"]}
        for override in config["overrides"]
        if override["matcher"].get("options") == target.get("legendFormat")
    ]
    found = dict(config["defaults"])
    for options in own:
        found |= options
    return found
