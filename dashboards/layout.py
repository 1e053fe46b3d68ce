"""Where panels are: lines of them, in sections with headings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import GridPos, Panel

from dashboards.panels.queries import Shown

WIDTH: Final = 24


@dataclass(frozen=True, slots=True)
class Line:
    """Panels beside each other, ``height`` units high; widths are in 24ths."""

    height: int
    panels: Sequence[Shown]
    widths: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, where it has a title, and its lines."""

    title: str
    lines: Sequence[Line]


def place(made: build.Dashboard, sections: Sequence[Section]) -> None:
    """Put all panels on a dashboard, from the top."""
    y = 0
    for section in sections:
        if section.title:
            made.with_row(build.Row(section.title).grid_pos(GridPos(h=1, w=WIDTH, x=0, y=y)))
            y += 1
        for line in section.lines:
            _place_line(made, line, y)
            y += line.height


def _place_line(made: build.Dashboard, line: Line, y: int) -> None:
    x, even = 0, [WIDTH // len(line.panels)] * len(line.panels)
    for panel, width in zip(line.panels, line.widths or even, strict=True):
        made.with_panel(_At(panel, GridPos(h=line.height, w=width, x=x, y=y)))
        x += width


class _At(Builder[Panel]):
    """A panel at its place; the library's own placing knows no lines."""

    def __init__(self, panel: Shown, where: GridPos) -> None:
        self.panel, self.where = panel, where

    def build(self) -> Panel:
        made = self.panel.build()
        made.grid_pos = self.where
        return made
