"""What Grafana's own packages show of each dashboard over a real Prometheus."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.dashboards.reading import dashboards
from tests.grafana import known
from tests.grafana.drawing import HOUR, Drawing, Shown
from tests.grafana.faults import Fault, faults, is_filled

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("grafana")]

Worlds = Callable[[str], Drawing]
BOARDS: Final = {board["uid"]: board for board in dashboards()}
WHATEVER_IS_THERE: Final = ("error", "word", "colour", "no number", "text smaller", "link", "title")
"""Faults also of panels that have no data."""
CHOSEN: Final = {
    "one": {"job": ["shop"]},
    "several": {"job": ["shop", "faulty"], "route": ["/orders/checkout", "/things/{thing_id}"]},
    "gone": {"job": ["gone"], "instance": ["10.0.0.1:8000"]},
    "odd": {"job": ['a"b\\c', ".+|(x", "ä {{job}} $job"], "method": ["G'ET"]},
}


@pytest.mark.parametrize("uid", BOARDS)
@pytest.mark.parametrize("world", ["15 s", "30 s", "60 s"])
def test_services_in_trouble(worlds: Worlds, world: str, uid: str) -> None:
    """Of services in every kind of trouble, no panel and no column has a fault but known ones."""
    found = faults(BOARDS[uid], worlds(world).show(BOARDS[uid]))
    known.check(set(map(str, found)), world)


@pytest.mark.parametrize("uid", BOARDS)
def test_a_fresh_install(worlds: Worlds, uid: str) -> None:
    """Before the rules are loaded, what says so is grey, large enough, and in no cell."""
    found = faults(BOARDS[uid], worlds("30 s without rules").show(BOARDS[uid]))
    known.check(set(map(str, _of_any(found))), "30 s without rules")


@pytest.mark.parametrize("choice", CHOSEN)
def test_variables(worlds: Worlds, choice: str) -> None:
    """One value, several, those that are gone and those with odd characters make no error."""
    found = {
        str(fault)
        for board in BOARDS.values()
        for fault in _of_any(faults(board, worlds("15 s").show(board, HOUR, **CHOSEN[choice])))
    }
    known.check(found, f"variables: {choice}")


@pytest.mark.parametrize("uid", BOARDS)
def test_seven_days(worlds: Worlds, uid: str) -> None:
    """A week is shown too: no query fails, and what an hour shows is not empty."""
    drawing, board = worlds("30 s"), BOARDS[uid]
    hour, week = (
        {
            fault
            for fault in faults(board, drawing.show(board, span))
            if fault.what.startswith(("error", "empty"))
        }
        for span in (HOUR, 7 * 24 * HOUR)
    )
    assert week <= hour


@pytest.mark.parametrize("uid", BOARDS)
def test_links_are_followed(worlds: Worlds, uid: str) -> None:
    """A link of the first row and of the last leads to a dashboard that shows something."""
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
            for cell in (*cells[:1], *cells[-1:]):
                yield from (link for link in cell["links"] if link.startswith("/d/"))


def _of_any(found: Sequence[Fault]) -> list[Fault]:
    return [fault for fault in found if fault.what.startswith(WHATEVER_IS_THERE)]
