"""Files in the package that are not code: dashboards, rules, runbooks and the example shop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from sidelight.errors import SidelightError

Data = Literal["dashboards", "rules", "runbooks", "shop"]

_WHEEL: Final = Path(__file__).parent / "data"
_CHECKOUT: Final = Path(__file__).parents[2]
_SOURCES: Final[dict[Data, str]] = {
    "dashboards": "dashboards/json",
    "rules": "deploy/prometheus/rules",
    "runbooks": "docs/runbooks",
    "shop": "examples/shop",
}
"""Where a checkout that is installed editable has what the wheel has in ``data/``."""


def folder(name: Data) -> Path:
    """The folder that holds these files. Raises `SidelightError` where there is none."""
    for place in (_WHEEL / name, _CHECKOUT / _SOURCES[name]):
        if place.is_dir():
            return place
    raise SidelightError(f"this installation has no {name}: install the wheel")


def dashboards() -> list[Path]:
    """Grafana's dashboards as JSON. Raises `SidelightError` where there are none."""
    return sorted(folder("dashboards").glob("sidelight-*.json"))


def export_dashboards(target: str) -> Iterator[str]:
    """Copy the dashboards into a folder, which is made if it is missing; yields each path."""
    into = Path(target)
    into.mkdir(parents=True, exist_ok=True)
    for path in dashboards():
        copy = into / path.name
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        yield str(copy)
