"""Tables: a row for each set of keys, as it is now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import table
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards.panels.colours import Steps
from dashboards.panels.queries import DATASOURCE, RECORDED_STEP, Query, Shown, target


@dataclass(frozen=True, slots=True)
class Column:
    """One query of a table: the number each row gets."""

    expr: str
    name: str
    unit: str
    steps: Steps = ()
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A label that names a table's rows, and where a click on it leads."""

    label: str
    name: str
    link: str = ""


def rows(  # noqa: PLR0913 what a panel says of itself is asked for
    title: str,
    description: str,
    keys: Sequence[Key],
    columns: Sequence[Column],
    *,
    sort: str,
    empty: str,
    descending: bool = True,
) -> Shown:
    """A table: one row for each set of keys, one column for each query, as it is now."""
    panel = table.Panel().title(title).description(description).no_value(empty)
    panel.datasource(DATASOURCE).interval(RECORDED_STEP).unit(columns[0].unit)
    by = build.TableSortByFieldState().display_name(sort).desc(descending)
    panel.sort_by([by]).show_header(True).cell_height(common.TableCellHeight.SM).filterable(True)
    named = dict(zip(map(chr, range(ord("A"), ord("Z"))), columns, strict=False))
    panel.targets(
        [
            target(Query(column.expr, column.name), letter).instant().format(PromQueryFormat.TABLE)
            for letter, column in named.items()
        ]
    )
    panel.with_transformation(DataTransformerConfig("merge", options={}))
    values = {f"Value #{letter}": column.name for letter, column in named.items()}
    if len(columns) == 1:
        values["Value"] = columns[0].name  # that is what a single query's column is called
    panel.with_transformation(_order({key.label: key.name for key in keys} | values))
    for key in keys:
        if key.link:
            panel.override_by_name(key.name, [_link(key)])
    for column in columns:
        panel.override_by_name(column.name, list(_column(column)))
    return panel


def _order(names: dict[str, str]) -> DataTransformerConfig:
    """Fields in this order and by these names."""
    return DataTransformerConfig(
        "organize",
        options={
            "excludeByName": {"Time": True},
            "indexByName": {name: place for place, name in enumerate(names)},
            "renameByName": names,
        },
    )


def _link(key: Key) -> DynamicConfigValue:
    one = {"title": f"Open {key.name.lower()}", "url": key.link, "targetBlank": False}
    return DynamicConfigValue("links", [one])


def _column(column: Column) -> list[DynamicConfigValue]:
    found = [DynamicConfigValue("unit", column.unit)]
    if column.decimals is not None:
        found.append(DynamicConfigValue("decimals", column.decimals))
    if column.steps:
        levels: list[dict[str, Any]] = [{"value": at, "color": c} for at, c in column.steps]
        found += [
            DynamicConfigValue("thresholds", {"mode": "absolute", "steps": levels}),
            DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        ]
    return found
