"""What Grafana's own packages show of each dashboard over a real Prometheus."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.dashboards.reading import dashboards
from tests.grafana import known
from tests.grafana.cases import CHOSEN
from tests.grafana.drawing import Drawing, Shown
from tests.grafana.faults import Fault, faults, is_filled
from tests.grafana.samples import END, HOUR, WEEK

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("grafana")]

Worlds = Callable[[str], Drawing]
BOARDS: Final = {board["uid"]: board for board in dashboards()}
DAY: Final = 24 * HOUR
PICTURES: Final = os.environ.get("SIDELIGHT_TEST_PICTURES", "")
"""Where pictures are kept; without it they are drawn, and removed with the test."""
SMALLEST_PICTURE: Final = 20_000
"""Bytes: a page on which nothing is drawn takes 6,000."""
WHATEVER_IS_THERE: Final = ("error", "word", "colour", "no number", "text", "tile", "link", "title")
"""Faults also of panels that have no data."""


@pytest.mark.parametrize("uid", BOARDS)
@pytest.mark.parametrize("world", ["15 s", "30 s", "60 s"])
def test_services_in_trouble(worlds: Worlds, world: str, uid: str) -> None:
    """Of services in every kind of trouble, no panel and no column has a fault but known ones."""
    found = faults(BOARDS[uid], worlds(world).show(BOARDS[uid]))
    known.check(set(map(str, found)), "panels")


@pytest.mark.parametrize("uid", BOARDS)
def test_pictures(worlds: Worlds, uid: str, tmp_path: Path) -> None:
    """A picture of each first screen is written, as docs/dashboards.md shows it."""
    path = Path(PICTURES or tmp_path) / f"{uid.replace('sidelight', 'grafana')}.png"
    worlds("15 s").picture(BOARDS[uid], HOUR // 2, path)
    assert path.stat().st_size > SMALLEST_PICTURE


@pytest.mark.parametrize("uid", BOARDS)
def test_a_fresh_install(worlds: Worlds, uid: str) -> None:
    """Before the rules are loaded, what says so is grey, large enough, and in no cell."""
    found = faults(BOARDS[uid], worlds("30 s without rules").show(BOARDS[uid]))
    known.check(set(map(str, _of_any(found))), "panels")


@pytest.mark.parametrize("choice", CHOSEN)
def test_variables(worlds: Worlds, choice: str) -> None:
    """One value, several, those that are gone and those with odd characters make no error."""
    found = {
        str(fault)
        for board in BOARDS.values()
        for fault in _of_any(faults(board, worlds("15 s").show(board, HOUR, **CHOSEN[choice])))
    }
    known.check(found, "panels")


def test_a_job_that_is_gone_shows_nothing(worlds: Worlds) -> None:
    """A value of the address that no query finds any more is kept, and is not All."""
    shown = worlds("15 s").show(BOARDS["sidelight-service"], HOUR, **CHOSEN["gone"])
    found = {panel["title"]: panel["content"] for panel in shown.panels if is_filled(panel)}
    assert found == {"Instances up": "No target", "Measured by": "Not measured"}


@pytest.mark.parametrize("uid", BOARDS)
def test_seven_days(worlds: Worlds, uid: str) -> None:
    """A week is shown as an hour is, and each graph that has data begins on the first day."""
    shown = worlds("a week").show(BOARDS[uid], WEEK)
    known.check(set(map(str, _of_any(faults(BOARDS[uid], shown)))), "panels")
    since = {
        panel["title"]: min(line["since"] for line in panel["lines"])
        for panel in shown.panels
        if panel["lines"] and is_filled(panel)
    }
    assert since
    assert [title for title, first in since.items() if first > END - WEEK + DAY] == []


@pytest.mark.parametrize("uid", BOARDS)
def test_links_are_followed(worlds: Worlds, uid: str) -> None:
    """A link of the first text and of the last leads to a dashboard that shows something."""
    drawing = worlds("30 s")
    for link in sorted(_links(drawing.show(BOARDS[uid]))):
        target = BOARDS[urlsplit(link).path.removeprefix("/d/")]
        given = parse_qs(urlsplit(link).query, keep_blank_values=True)
        chosen = {name.removeprefix("var-"): some for name, some in given.items()}
        values = {
            one["name"]: chosen[one["name"]] for one in _variables(target) if one["name"] in chosen
        }
        shown = drawing.show(target, HOUR, **values)
        assert any(is_filled(panel) for panel in shown.panels), link


def _variables(board: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for one in board["templating"]["list"] if one["type"] == "query"]


def _links(shown: Shown) -> Iterator[str]:
    """Links to dashboards, not those to runbooks."""
    for panel in shown.panels:
        for cells in (*(column["cells"] for column in panel["columns"]), panel["values"]):
            clickable = [cell for cell in cells if cell["text"]]
            for cell in (*clickable[:1], *clickable[-1:]):
                yield from (link for link in cell["links"] if link.startswith("/d/"))


def _of_any(found: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in found if fault.what.startswith(WHATEVER_IS_THERE)]
