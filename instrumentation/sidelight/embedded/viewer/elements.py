"""The viewer's NiceGUI elements. Each has a component in static/, and sends its data as props.

Only the HTML of `markdown` is sent as HTML: the browser shows labels as text.
"""

from pathlib import Path
from typing import Any, Final

import nicegui.elements.echart  # noqa: F401 the browser imports its ECharts
from nicegui.element import Element

STATIC: Final = Path(__file__).parent / "static"
LIBRARIES: Final = [
    "static/sidelight-units.js",
    "static/sidelight-chart.js",
    "static/sidelight-markdown.js",
    "static/sidelight-picker.js",
]
Json = dict[str, Any]


class DataElement(Element):
    """An element with one prop, which is sent only when it has changed."""

    prop = "body"

    def show(self, value: Json) -> None:
        """Set the prop."""
        if self._props.get(self.prop) != value and not self.is_deleted:
            self._props[self.prop] = value
            self.update()


class TopBar(DataElement, component="static/top_bar.js", dependencies=[*LIBRARIES]):
    """The bar at the top of every page."""

    prop = "state"

    def __init__(self, state: Json) -> None:
        super().__init__()
        self._props["state"] = state


class RowElement(Element, component="static/row.js"):
    """The panels of a row, below its title."""

    def __init__(self, title: str, *, collapsed: bool) -> None:
        super().__init__()
        self._props |= {"title": title, "collapsed": collapsed}


class PanelElement(DataElement, component="static/panel.js"):
    """One panel. ``position`` is (column, row, width, height) in the grid, counted from 1."""

    def __init__(self, head: Json, position: tuple[int, int, int, int]) -> None:
        super().__init__()
        self._props |= {"head": head, "body": {"kind": "loading"}}
        x, y, width, height = position
        self.style(f"--x:{x};--y:{y};--w:{width};--h:{height}")


class AlertsElement(DataElement, component="static/alerts.js"):
    """The list of alerts and rules."""

    def __init__(self) -> None:
        super().__init__()
        self._props["body"] = {"groups": [], "runbooks": {}, "problem": "", "open": ""}
