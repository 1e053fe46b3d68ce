"""The names in dashboards that Grafana looks up in its registries."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Name = tuple[str, str]


def names(boards: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Units, transformations, matchers, reducers and colour modes, each once."""
    found = defaultdict(set)
    for board in boards:
        for panel in every_panel(board):
            for kind, name in _of_panel(panel):
                found[kind].add(name)
    return {kind: sorted(some) for kind, some in found.items()}


def every_panel(board: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """All panels and headings, and those that a folded heading holds."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


def _of_panel(panel: Mapping[str, Any]) -> Iterator[Name]:
    options = panel.get("options", {})
    yield from (("transformation", one["id"]) for one in panel.get("transformations", ()))
    yield from (("reducer", one) for one in options.get("reduceOptions", {}).get("calcs", ()))
    yield from (("unit", one["unit"]) for one in options.values() if _has_unit(one))
    config = panel.get("fieldConfig", {"defaults": {}, "overrides": []})
    yield from _of_options(config["defaults"])
    for override in config["overrides"]:
        yield "matcher", override["matcher"]["id"]
        yield from _of_options({one["id"]: one["value"] for one in override["properties"]})


def _has_unit(option: object) -> bool:
    return isinstance(option, Mapping) and bool(option.get("unit"))


def _of_options(options: Mapping[str, Any]) -> Iterator[Name]:
    if "unit" in options:
        yield "unit", options["unit"]
    if "color" in options:
        yield "colour", options["color"]["mode"]
