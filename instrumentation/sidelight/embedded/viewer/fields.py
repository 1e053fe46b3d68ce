"""Field config: the defaults of a panel, and the overrides that apply to one field."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sidelight.embedded.viewer.dashboard import FieldOverride, Panel
from sidelight.embedded.viewer.query_result import Labels, ResultSeries
from sidelight.embedded.viewer.units import format_value

PALETTE: Final = (
    "#4f8ac9", "#c98a4b", "#3fa7a0", "#b06a9b", "#8f9c3c", "#6d78d6", "#9b7b5c", "#5fb0d9",
    "#c77d8f", "#6f8f7a", "#a58bd0", "#b5a15a",
)  # fmt: skip
"""For series without a fixed color. The red, yellow and green of thresholds are not in it."""
NAMED_COLORS: Final = {
    "blue": "#4f8ac9", "gray": "#7d8794", "green": "#4a9d5b", "orange": "#c98a4b",
    "purple": "#8a7fc4", "red": "#d1413a", "text": "", "transparent": "", "yellow": "#e5a72e",
}  # fmt: skip
"""Grafana's names of colors, and the colors that the viewer uses for them."""
PLACEHOLDER: Final = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class FieldConfig:
    """The properties of a field by their path, such as ``unit`` or ``custom.fillOpacity``."""

    properties: Mapping[str, Any]

    def get(self, path: str, default: Any = None) -> Any:
        """A property, or the default if it is not set."""
        value = self.properties.get(path)
        return default if value is None else value

    @property
    def unit(self) -> str:
        """Grafana's id of the unit."""
        return str(self.get("unit", "none"))

    @property
    def thresholds(self) -> Sequence[Mapping[str, Any]]:
        """The steps of the thresholds: a color, and the value from which it applies."""
        steps: Sequence[Mapping[str, Any]] = self.get("thresholds", {}).get("steps", ())
        return steps

    @property
    def fixed_color(self) -> str | None:
        """The color, if the color mode is ``fixed``."""
        model = self.get("color", {})
        return color(model.get("fixedColor", "")) if model.get("mode") == "fixed" else None

    def format(self, value: float) -> str:
        """A value with the unit and the decimals of the field."""
        return format_value(value, self.unit, self.get("decimals"))

    def threshold_color(self, value: float) -> str:
        """The color of the last threshold that a value has reached; empty if there is none."""
        found = ""
        for step in self.thresholds:
            if step.get("value") is None or value >= step["value"]:
                found = color(step["color"])
        return found


def color(text: str) -> str:
    """A color for the browser; Grafana's names of colors are replaced."""
    return NAMED_COLORS.get(text.removeprefix("dark-").removeprefix("semi-dark-"), text)


def field_config(panel: Panel, name: str, ref_id: str = "") -> FieldConfig:
    """The properties of the field with a name, in the result of one query."""
    properties = dict(_flat(panel.field_defaults))
    for override in panel.overrides:
        if _matches(override, name, ref_id):
            properties |= dict(override.properties)
    return FieldConfig(properties)


def _flat(defaults: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in defaults.items():
        if key == "custom":
            yield from ((f"custom.{inner}", found) for inner, found in value.items())
        else:
            yield key, value


def _matches(override: FieldOverride, name: str, ref_id: str) -> bool:
    if override.matcher == "byName":
        return bool(override.options == name)
    if override.matcher == "byFrameRefID":
        return bool(override.options == ref_id)
    return override.matcher == "byRegexp" and _searches(override.options, name)


def _searches(pattern: str, name: str) -> bool:
    """Whether a pattern, which Grafana may write between slashes, is found in a name."""
    if len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/"):
        pattern = pattern[1:-1]
    return re.search(pattern, name) is not None


def series_name(legend: str, series: ResultSeries) -> str:
    """The legend with the series' labels; without a legend, the labels as Prometheus writes."""
    if legend and legend != "__auto":
        return with_labels(legend, series.labels).strip()
    labels = series.labels
    inner = ", ".join(f'{name}="{text}"' for name, text in labels.items() if name != "__name__")
    name = labels.get("__name__", "")
    return f"{name}{{{inner}}}" if inner or not name else name


def with_labels(template: str, labels: Labels) -> str:
    """A text in which ``{{label}}`` is replaced by the label's value."""
    return PLACEHOLDER.sub(lambda found: labels.get(found[1], ""), template)
