"""The viewer shows of each panel what Grafana's own packages show, over the same Prometheus."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pytest

from tests.dashboards.reading import dashboards
from tests.grafana.breaking import Change
from tests.grafana.cases import CHOSEN
from tests.grafana.comparing import differences
from tests.grafana.drawing import Drawing
from tests.grafana.samples import HOUR, WEEK
from tests.grafana.viewing import viewed

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("grafana")]

Chosen = Mapping[str, Sequence[str]]
Worlds = Callable[[str], Drawing]
BOARDS: Final = {board["uid"]: board for board in dashboards()}
ALL: Final[Chosen] = {}
by_uid = pytest.mark.parametrize("uid", BOARDS)


@by_uid
@pytest.mark.parametrize("world", ["15 s", "30 s", "60 s", "30 s without rules"])
def test_what_grafana_shows(worlds: Worlds, world: str, uid: str) -> None:
    """Values, texts, colours, links, order and lines are Grafana's, however rare scrapes are."""
    check(worlds(world), BOARDS[uid])


@by_uid
@pytest.mark.parametrize("choice", CHOSEN)
def test_variables(worlds: Worlds, choice: str, uid: str) -> None:
    """So they are with one value of a variable, several, gone ones and odd ones."""
    check(worlds("15 s"), BOARDS[uid], chosen=CHOSEN[choice])


@by_uid
def test_seven_days(worlds: Worlds, uid: str) -> None:
    """So they are over a week."""
    check(worlds("a week"), BOARDS[uid], WEEK)


CHANGES: Final[Mapping[str, tuple[Change, str]]] = {
    "a title": (lambda panel: panel.update(title="p95 of $job"), "title"),
    "a value": (lambda panel: panel["targets"][0].update(expr="vector(17)"), "values"),
    "a unit": (lambda panel: panel["fieldConfig"]["defaults"].update(unit="short"), "values"),
    "a colour": (
        lambda panel: panel["fieldConfig"]["defaults"]["thresholds"].update(
            steps=[{"value": None, "color": "#0a0b0c"}]
        ),
        "values",
    ),
    "nothing": (lambda panel: panel["targets"][0].update(expr="nothing"), "nothing"),
    "a name": (lambda panel: panel["options"].update(textMode="name"), "values"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_difference_is_found(worlds: Worlds, name: str) -> None:
    """A tile that the viewer has otherwise than Grafana is found."""
    change, fact = CHANGES[name]
    board = {**BOARDS["sidelight-service"]}
    board["panels"] = [one for one in board["panels"] if one["title"] == "p95"]
    other = copy.deepcopy(board)
    change(other["panels"][0])
    drawing = worlds("15 s")
    viewer = viewed(other, drawing.world)
    found = [*differences(drawing.show(board), viewer, one_service=True)]
    assert [one for one in found if one.startswith(f"p95 / {fact}: Grafana ")]


def check(
    drawing: Drawing, board: Mapping[str, Any], span: int = HOUR, chosen: Chosen = ALL
) -> None:
    """Nothing differs in a dashboard."""
    shown = drawing.show(board, span, **chosen)
    one_service = chosen.get("job") == ["shop"]
    viewer = viewed(board, drawing.world, span, **chosen)
    found = [*differences(shown, viewer, one_service=one_service)]
    assert not found, "\n".join(found)
