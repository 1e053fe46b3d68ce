"""A broken copy of a dashboard is found to be broken, whatever is broken in it."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.dashboards.reading import dashboards
from tests.grafana.breaking import BROKEN, FILES, UNKNOWN_FIELDS, UNKNOWN_NAMES, Change
from tests.grafana.drawing import Drawing
from tests.grafana.faults import faults
from tests.grafana.file_faults import file_faults
from tests.grafana.names import names
from tests.grafana.schema_types import errors

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.xdist_group("grafana")]

SERVICES: Final = ("sidelight-fleet", "Services")
INSTANCES: Final = ("sidelight-service", "Instances up")


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found(worlds: Callable[[str], Drawing], name: str) -> None:
    """The fault of a panel that was broken is found, and not in the panel as it is shipped."""
    broken = BROKEN[name]
    drawing, place = worlds(broken.world), (broken.board, broken.panel)
    assert broken.fault not in _found(drawing, _of_one_panel(*place), broken.fault)
    assert broken.fault in _found(drawing, _changed(place, broken.change), broken.fault)


@pytest.mark.usefixtures("packages")
def test_unknown_fields_are_found(tmp_path: Path) -> None:
    """The newest types do not allow a field that is unknown, or a value that it cannot have."""
    changes = {name.replace(" ", "-"): change for name, change in UNKNOWN_FIELDS.items()}
    boards = [_changed(INSTANCES, change, name) for name, change in changes.items()]
    shipped = {**_of_one_panel(*INSTANCES), "uid": "shipped"}
    said = errors([shipped, *boards], "@grafana/schema", tmp_path)
    panels = {error.partition(".")[0] for error in said if "Instances-up: " in error}
    assert panels == set(changes)


@pytest.mark.parametrize("kind", UNKNOWN_NAMES)
def test_unknown_names_are_read(kind: str) -> None:
    """Each kind of name is read from where it stands in a panel."""
    assert "nothing" in names([_changed(SERVICES, UNKNOWN_NAMES[kind])])[kind]


@pytest.mark.parametrize("name", FILES)
def test_what_is_wrong_in_a_file_is_found(name: str) -> None:
    """A fault that no sample shows is read from the file."""
    change, fault = FILES[name]
    whole = _of_one_panel(*INSTANCES)
    assert file_faults({**whole, "links": []}) == []
    board = _changed(INSTANCES, change)
    assert [one.what for one in file_faults({**board, "links": []})] == [fault]


def test_a_link_in_a_menu_is_found() -> None:
    """A link that is in the menu of the controls is not on the bar."""
    links = [{"title": "Fleet", "placement": "inControlsMenu"}]
    (found,) = file_faults({"uid": "sidelight-x", "panels": [], "links": links})
    assert str(found) == "sidelight-x / links / Fleet: link is in a menu, not on the bar"


def _of_one_panel(uid: str, title: str) -> dict[str, Any]:
    """A copy of a dashboard that has only one of its panels, the last of its title."""
    (board,) = [copy.deepcopy(one) for one in dashboards() if one["uid"] == uid]
    board["panels"] = [one for one in board["panels"] if one["title"] == title][-1:]
    return board


def _changed(place: tuple[str, str], change: Change, uid: str = "") -> dict[str, Any]:
    """The same, with a change of that panel."""
    board = _of_one_panel(*place)
    change(board["panels"][0])
    return {**board, "uid": uid or board["uid"]}


def _found(drawing: Drawing, board: Mapping[str, Any], start: str) -> set[str]:
    """What is wrong with a dashboard, each as long as ``start``."""
    return {one.what[: len(start)] for one in faults(board, drawing.show(board))}
