"""Files in the package that are not code: dashboards, runbooks and the example shop."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal

from sidelight.errors import SettingsError, SidelightError, cause
from sidelight.histogram_queries import without_native

Data = Literal["dashboards", "runbooks", "shop"]

EXPORT_EXAMPLE: Final = "sidelight dashboards export ./dashboards"
_WHEEL: Final = Path(__file__).parent / "data"
_CHECKOUT: Final = Path(__file__).parents[2]
_SOURCES: Final[dict[Data, str]] = {
    "dashboards": "dashboards/json",
    "runbooks": "docs/runbooks",
    "shop": "examples/shop",
}
"""The folders of an editable installation that the wheel has in ``data/``."""


def folder(name: Data) -> Path:
    """The folder of these files. Raises `SidelightError` if there is none."""
    for place in (_WHEEL / name, _CHECKOUT / _SOURCES[name]):
        if place.is_dir():
            return place
    raise SidelightError(f"this installation has no {name}: install the wheel")


def dashboards() -> list[Path]:
    """The dashboards as JSON files. Raises `SidelightError` if there are none."""
    return sorted(folder("dashboards").glob("sidelight-*.json"))


def export_dashboards(target: str, *, native: bool = True) -> Iterator[str]:
    """Copy the dashboards to a folder, which is created if needed. Yields each path.

    Without ``native``, they have no functions of native histograms.
    """
    into = Path(target)
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError("DIR", target, cause(error), EXPORT_EXAMPLE) from error
    for path in dashboards():
        copy = into / path.name
        text = path.read_text(encoding="utf-8")
        copy.write_text(text if native else _without_native(text), encoding="utf-8")
        yield str(copy)


def _without_native(text: str) -> str:
    """A dashboard with queries for an engine that has no functions of native histograms."""
    made = json.loads(text, object_hook=_with_classic_query)
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


def _with_classic_query(part: dict[str, Any]) -> dict[str, Any]:
    return part | {"expr": without_native(part["expr"])} if "expr" in part else part
