"""Grafana's dashboards as they are shipped: made in dashboards/, and put into the wheel."""

from collections.abc import Iterator
from pathlib import Path

from sidelight.errors import SidelightError

PLACES = (
    Path(__file__).parent / "dashboards",
    Path(__file__).parents[2] / "dashboards" / "json",  # of a checkout that is installed editable
)


def found() -> list[Path]:
    """The files. Raises `SidelightError` where there are none."""
    for place in PLACES:
        if files := sorted(place.glob("sidelight-*.json")):
            return files
    raise SidelightError("this installation has no dashboards: install the wheel")


def write(folder: str) -> Iterator[str]:
    """Copy them into a folder, which is made if it is missing; says where each went."""
    files, into = found(), Path(folder)
    into.mkdir(parents=True, exist_ok=True)
    for path in files:
        target = into / path.name
        target.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
        yield str(target)
