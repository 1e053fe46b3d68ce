"""How one field is shown: a panel's defaults, and the overrides that pick it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sidelight.embedded.viewer.board import Override, Panel
from sidelight.embedded.viewer.prometheus import Labels, Series
from sidelight.embedded.viewer.units import shown

PALETTE: Final = (
    "#4f8ac9", "#c98a4b", "#3fa7a0", "#b06a9b", "#8f9c3c", "#6d78d6", "#9b7b5c", "#5fb0d9",
    "#c77d8f", "#6f8f7a", "#a58bd0", "#b5a15a",
)  # fmt: skip
"""For series that no override colours: neither the red, the yellow nor the green of verdicts."""
NAMED: Final = {
    "blue": "#4f8ac9", "gray": "#7d8794", "green": "#4a9d5b", "orange": "#c98a4b",
    "purple": "#8a7fc4", "red": "#d1413a", "text": "", "transparent": "", "yellow": "#e5a72e",
}  # fmt: skip
"""Grafana's names of colours, and what they are here."""
PLACEHOLDER: Final = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Field:
    """Settings by their path: ``unit``, ``custom.fillOpacity`` and so on."""

    settings: Mapping[str, Any]

    def get(self, path: str, default: Any = None) -> Any:
        """A setting; a default where there is none."""
        found = self.settings.get(path)
        return default if found is None else found

    @property
    def unit(self) -> str:
        """Grafana's id of the unit."""
        return str(self.get("unit", "none"))

    @property
    def steps(self) -> Sequence[Mapping[str, Any]]:
        """Thresholds: from which value on which colour."""
        found: Sequence[Mapping[str, Any]] = self.get("thresholds", {}).get("steps", ())
        return found

    @property
    def fixed(self) -> str | None:
        """The colour that is set outright."""
        found = self.get("color", {})
        return colour(found.get("fixedColor", "")) if found.get("mode") == "fixed" else None

    def text(self, value: float) -> str:
        """A number as it is written."""
        return shown(value, self.unit, self.get("decimals"))

    def verdict(self, value: float) -> str:
        """The colour of the last threshold that a value has reached; empty where there is none."""
        found = ""
        for step in self.steps:
            if step.get("value") is None or value >= step["value"]:
                found = colour(step["color"])
        return found


def colour(text: str) -> str:
    """A colour for the browser; one of Grafana's names as what it is here."""
    return NAMED.get(text.removeprefix("dark-").removeprefix("semi-dark-"), text)


def field(panel: Panel, name: str, ref: str = "") -> Field:
    """The settings of a field of this name, that the query of this letter gave."""
    settings = dict(_flat(panel.defaults))
    for override in panel.overrides:
        if picks(override, name, ref):
            settings |= dict(override.properties)
    return Field(settings)


def _flat(defaults: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in defaults.items():
        if key == "custom":
            yield from ((f"custom.{inner}", found) for inner, found in value.items())
        else:
            yield key, value


def picks(override: Override, name: str, ref: str) -> bool:
    """Whether an override is for this field."""
    if override.matcher == "byName":
        return bool(override.options == name)
    if override.matcher == "byFrameRefID":
        return bool(override.options == ref)
    return override.matcher == "byRegexp" and re.search(slashed(override.options), name) is not None


def slashed(pattern: str) -> str:
    """A regular expression without the slashes that Grafana allows around it."""
    if len(pattern) > 1 and pattern.startswith("/") and pattern.endswith("/"):
        return pattern[1:-1]
    return pattern


def series_name(legend: str, series: Series) -> str:
    """What a series is called: its legend's text, or its labels as Prometheus writes them."""
    if legend and legend != "__auto":
        return PLACEHOLDER.sub(lambda found: series.labels.get(found[1], ""), legend).strip()
    return selector(series.labels)


def selector(labels: Labels) -> str:
    """Labels as Prometheus writes them."""
    inner = ", ".join(f'{name}="{text}"' for name, text in labels.items() if name != "__name__")
    name = labels.get("__name__", "")
    return f"{name}{{{inner}}}" if inner or not name else name
