"""What the bar at the top is told."""

from collections.abc import Mapping
from typing import Any, Final

from sidelight.embedded.viewer.board import Board
from sidelight.embedded.viewer.empty import short
from sidelight.embedded.viewer.hub import Hub
from sidelight.embedded.viewer.variables import SOURCE, Chosen, board_link

ORDER: Final = (
    "sidelight-fleet",
    "sidelight-service",
    "sidelight-route",
    "sidelight-runtime",
    "sidelight-objectives",
    "sidelight-telemetry-health",
)
"""From all services down to one route; others come after, by name."""
PAGES: Final = {"/slow": "Slow requests", "/alerts": "Alerts"}
Json = dict[str, Any]


def pages(hub: Hub, here: str, chosen: Chosen, firing: int) -> list[Json]:
    """Links to every page: dashboards keep time and variables."""
    uids = sorted(
        hub.boards, key=lambda uid: (uid not in ORDER, ORDER.index(uid) if uid in ORDER else 0, uid)
    )
    found = [
        {
            "title": short(hub.boards[uid]),
            "href": board_link(f"/d/{uid}", chosen, variables=True, time=True),
            "here": here == f"/d/{uid}",
        }
        for uid in uids
    ]
    others = [
        {"title": title, "href": path, "here": here == path, "after": path == "/slow"}
        for path, title in PAGES.items()
    ]
    others[-1]["count"] = firing
    return found + others


def variables(board: Board, chosen: Chosen, lists: Mapping[str, tuple[str, ...]]) -> list[Json]:
    """The choices of a dashboard. The data source is what the viewer was started with."""
    return [
        {
            "name": one.name,
            "label": one.label,
            "options": [
                {"value": text, "text": text or "(empty)"} for text in lists.get(one.name, ())
            ],
            "chosen": list(chosen.of(one)),
            "multi": one.multi,
            "all": one.with_all,
        }
        for one in board.variables
        if one.kind == "query" and one.name != SOURCE
    ]
