"""Tables of the current state: one row for each combination of key labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from grafana_foundation_sdk.builders import common as build
from grafana_foundation_sdk.builders import table as panels
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import DataTransformerConfig, DynamicConfigValue
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards import colours
from dashboards.colours import PLAIN, Levels
from dashboards.panels import PanelBuilder
from dashboards.queries import DATASOURCE, Query, target


@dataclass(frozen=True, slots=True)
class Column:
    """One query of a table and the name, unit and colours of its values."""

    expr: str
    name: str
    unit: str
    levels: Levels = ()
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A label that identifies a row, the name of its column, and where a click leads.

    ``blank`` is the text of a row without the label. The label itself is then in a column that is
    hidden, to which a link refers as ``${__data.fields.LABEL}``.
    """

    label: str
    name: str
    link: str = ""
    blank: str = ""

    @property
    def shown(self) -> str:
        """The label of the column that is shown."""
        return f"shown_{self.label}" if self.blank else self.label

    def named(self, expr: str) -> str:
        """A query whose rows have the text of the column."""
        if not self.blank:
            return expr
        copied = f'label_replace({expr}, "{self.shown}", "$1", "{self.label}", "(.+)")'
        return f'label_replace({copied}, "{self.shown}", "{self.blank}", "{self.label}", "")'


SERVICE: Final = Key("job", "Service")
HIDDEN: Final[dict[str, Any]] = {
    "custom.hidden": True,
    "custom.hideFrom": {"legend": False, "tooltip": False, "viz": True},
}
"""What hides a column before Grafana 12, and since."""
PIXELS_OF_LETTER, PIXELS_OF_ICONS = 7, 44
"""The width of a column of numbers is that of its name, so that labels have the rest."""
NARROWEST: Final = 90
"""The least width of a column in pixels."""


def coloured_column(
    expr: str,
    name: str,
    unit: str,
    *levels: tuple[float, str],
    base: str = PLAIN,
    decimals: int | None = None,
) -> Column:
    """A column whose values take a colour from each value on."""
    return Column(expr, name, unit, colours.levels(*levels, base=base), decimals)


def table(  # noqa: PLR0913 a table has this many texts and options
    title: str,
    description: str,
    keys: Sequence[Key],
    *columns: Column,
    sort: str,
    empty: str,
    descending: bool = True,
) -> PanelBuilder:
    """A table with one row for each combination of keys, and one column for each query."""
    panel = panels.Panel().title(title).description(description).no_value(empty)
    # With another unit than that of texts, Grafana writes the label "80" as a number of that unit.
    panel.datasource(DATASOURCE).unit("string").min_width(NARROWEST)
    # Grafana shows the text of an empty table in each empty cell too, unless a cell has its own.
    panel.override_by_regexp(".*", [DynamicConfigValue("noValue", "")])
    by = build.TableSortByFieldState().display_name(sort).desc(descending)
    panel.sort_by([by]).show_header(True).cell_height(common.TableCellHeight.SM).filterable(True)
    named = dict(zip(map(chr, range(ord("A"), ord("Z"))), columns, strict=False))
    panel.targets(
        [
            target(Query(_named(column.expr, keys), column.name), letter)
            .instant()
            .format(PromQueryFormat.TABLE)
            for letter, column in named.items()
        ]
    )
    panel.with_transformation(DataTransformerConfig("merge", options={}))
    panel.with_transformation(_order(_names(keys, named), [k.label for k in keys if k.blank]))
    for key in keys:
        if key.link:
            panel.override_by_name(key.name, [_link(key)])
        if key.blank:
            hidden = [DynamicConfigValue(name, value) for name, value in HIDDEN.items()]
            panel.override_by_name(key.label, hidden)
    for column in columns:
        panel.override_by_name(column.name, list(_column(column)))
    return panel


def _names(keys: Sequence[Key], columns: dict[str, Column]) -> dict[str, str]:
    """Grafana's names of the fields, and the names to show."""
    values = {f"Value #{letter}": column.name for letter, column in columns.items()}
    if len(columns) == 1:
        values["Value"] = columns["A"].name  # Grafana's name for the values of a single query
    return {key.shown: key.name for key in keys} | values


def _named(expr: str, keys: Sequence[Key]) -> str:
    """A query whose rows have the texts of all columns of labels."""
    for key in keys:
        expr = key.named(expr)
    return expr


def _order(names: dict[str, str], hidden: Sequence[str]) -> DataTransformerConfig:
    """Renames the fields and puts them into this order."""
    return DataTransformerConfig(
        "organize",
        options={
            "excludeByName": {"Time": True},
            "indexByName": {name: place for place, name in enumerate([*names, *hidden])},
            "renameByName": names,
        },
    )


def _link(key: Key) -> DynamicConfigValue:
    one = {"title": f"Open {key.name.lower()}", "url": key.link, "targetBlank": False}
    return DynamicConfigValue("links", [one])


def _column(column: Column) -> list[DynamicConfigValue]:
    width = max(PIXELS_OF_ICONS + PIXELS_OF_LETTER * len(column.name), NARROWEST)
    found = [DynamicConfigValue("unit", column.unit), DynamicConfigValue("custom.width", width)]
    if column.decimals is not None:
        found.append(DynamicConfigValue("decimals", column.decimals))
    if column.levels:
        steps: list[dict[str, Any]] = [{"value": at, "color": c} for at, c in column.levels]
        found += [
            DynamicConfigValue("thresholds", {"mode": "absolute", "steps": steps}),
            DynamicConfigValue("custom.cellOptions", {"type": "color-text"}),
        ]
    return found
