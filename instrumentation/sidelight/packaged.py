"""Files in the package that are not code: dashboards, runbooks and the example shop."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from sidelight.errors import SettingsError, SidelightError, cause

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


def export_dashboards(target: str) -> Iterator[str]:
    """Copy the dashboards to a folder, which is created if needed. Yields each path."""
    into = Path(target)
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError("DIR", target, cause(error), EXPORT_EXAMPLE) from error
    for path in dashboards():
        copy = into / path.name
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        yield str(copy)
