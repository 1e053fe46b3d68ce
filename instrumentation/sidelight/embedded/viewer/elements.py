"""The viewer's own elements for NiceGUI: each has a component in static/, and is sent as data.

No element is given HTML but what `asking.html` made: labels reach the browser as texts.
"""

from pathlib import Path
from typing import Any, Final

import nicegui.elements.echart  # noqa: F401 makes its ECharts importable in the browser
from nicegui.element import Element

STATIC: Final = Path(__file__).parent / "static"
LIBRARIES: Final = [
    "static/sidelight-units.js",
    "static/sidelight-chart.js",
    "static/sidelight-markdown.js",
    "static/sidelight-picker.js",
]
Json = dict[str, Any]


class Told(Element):
    """An element with one prop that is sent anew when it has changed, and only then."""

    prop = "body"

    def tell(self, value: Json) -> None:
        """Show this."""
        if self._props.get(self.prop) != value and not self.is_deleted:
            self._props[self.prop] = value
            self.update()


class Bar(Told, component="static/bar.js", dependencies=[*LIBRARIES]):
    """What is at the top of every page."""

    prop = "state"

    def __init__(self, state: Json) -> None:
        super().__init__()
        self._props["state"] = state


class Fold(Element, component="static/section.js"):
    """Panels below a heading."""

    def __init__(self, title: str, *, collapsed: bool) -> None:
        super().__init__()
        self._props |= {"title": title, "collapsed": collapsed}


class Box(Told, component="static/panel.js"):
    """One panel; ``place`` is where it is in its section's grid, in columns and rows from 1."""

    def __init__(self, head: Json, place: tuple[int, int, int, int]) -> None:
        super().__init__()
        self._props |= {"head": head, "body": {"kind": "waiting"}}
        x, y, width, height = place
        self.style(f"--x:{x};--y:{y};--w:{width};--h:{height}")


class Alerts(Told, component="static/alerts.js"):
    """The page of alerts."""

    def __init__(self) -> None:
        super().__init__()
        self._props["body"] = {"groups": [], "runbooks": {}, "problem": "", "open": ""}
