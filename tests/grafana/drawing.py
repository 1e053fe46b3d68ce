"""A page in Chromium in which Grafana's packages draw dashboards over a Prometheus."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from playwright.sync_api import Browser, FloatRect, Page, ViewportSize

from tests.grafana.samples import END, HOUR, Filled
from tests.serving import serving

HERE = Path(__file__).parent
PACKAGES = HERE.parents[1] / ".cache" / "grafana"
"""Where `make test-grafana` installs the packages of package.json."""
SCREEN: ViewportSize = {"width": 1500, "height": 1000}
PICTURE: FloatRect = {"x": 0, "y": 0, "width": 1500, "height": 930}
"""What a picture has of the screen."""
SHOW = """([board, chosen]) => Promise.race([
  show(board, chosen),
  new Promise((_, late) => setTimeout(() => late(new Error("not shown within 60 s")), 60000)),
])"""


class Shown(NamedTuple):
    """What the panels show, the values to choose of variables, and what Prometheus was asked."""

    panels: Sequence[Mapping[str, Any]]
    variables: Sequence[Mapping[str, Any]]
    sent: Sequence[Mapping[str, Any]]

    def panel(self, title: str) -> Mapping[str, Any]:
        """The panel with a title."""
        (found,) = [panel for panel in self.panels if panel["title"] == title]
        return found


def bundle(where: Path) -> None:
    """Write the page and what it needs into a folder."""
    command = ("node", HERE / "bundle.mjs", PACKAGES, where)
    subprocess.run(command, check=True, timeout=300)
    (where / "index.html").write_bytes((HERE / "page" / "index.html").read_bytes())
    (where / "public").symlink_to(PACKAGES / "node_modules/@grafana/ui/dist/public")


class Drawing:
    """One page; `show` draws a dashboard on it, once for all tests, since samples stay the same."""

    def __init__(self, page: Page, world: Filled) -> None:
        self.page, self.world = page, world
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        self._shown: dict[str, Shown] = {}

    def show(self, board: Mapping[str, Any], span: int = HOUR, **variables: Sequence[str]) -> Shown:
        """What it shows of the last hour; variables that are not given stay as they are."""
        given = json.dumps([board, span, variables])
        if given not in self._shown:
            self._shown[given] = self._draw(board, span, variables)
        return self._shown[given]

    def _draw(
        self, board: Mapping[str, Any], span: int, variables: Mapping[str, Sequence[str]]
    ) -> Shown:
        start, end = _times(span)
        found = self.page.evaluate(
            SHOW, [board, {"from": start, "to": end, "variables": variables}]
        )
        assert not self.problems
        return Shown(**found)

    def picture(self, board: Mapping[str, Any], span: int, path: Path) -> None:
        """Write what is drawn of a dashboard, as far as the screen shows it."""
        self._draw(board, span, {})
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=path, clip=PICTURE)


@contextmanager
def drawing(browser: Browser, folder: Path, world: Filled) -> Iterator[Drawing]:
    """A page over a Prometheus, whose data source says how often it scrapes."""
    with (
        serving(type("Files", (_Files,), {"folder": folder})) as served,
        browser.new_context(viewport=SCREEN, reduced_motion="reduce") as context,
    ):
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{served}/")
        given = [f"http://127.0.0.1:{world.port}", world.scrape, *_times(HOUR)]
        page.evaluate("(given) => start(...given)", given)
        yield Drawing(page, world)


class _Files(SimpleHTTPRequestHandler):
    folder: ClassVar[Path]

    def __init__(self, *args: Any) -> None:
        super().__init__(*args, directory=str(self.folder))

    def log_message(self, *_: Any) -> None:
        pass


def _times(span: int) -> list[str]:
    """The beginning and the end of the last milliseconds of the samples, as ISO 8601."""
    times = (END - span, END)
    return [datetime.fromtimestamp(time / 1000, UTC).isoformat() for time in times]
