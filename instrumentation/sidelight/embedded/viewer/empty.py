"""What is said where nothing is, with the dashboards it names as links."""

import re
from collections.abc import Iterable
from typing import Any

from sidelight.embedded.viewer.board import Board
from sidelight.embedded.viewer.variables import Chosen, board_link

Json = dict[str, Any]


def parts(text: str, boards: Iterable[Board], chosen: Chosen) -> list[Json]:
    """Texts, each with an address where it names a dashboard after "see"."""
    named = {short(board): f"/d/{board.uid}" for board in boards}
    pattern = rf"(?<=see )({'|'.join(map(re.escape, named))})"
    found = re.split(pattern, text) if named else [text]
    return [{"text": part, "href": _href(named.get(part), chosen)} for part in found if part]


def _href(url: str | None, chosen: Chosen) -> str:
    return board_link(url, chosen, variables=True, time=True) if url else ""


def short(board: Board) -> str:
    """A dashboard's title without what all of them begin with."""
    return board.title.rpartition("/")[2].strip()
