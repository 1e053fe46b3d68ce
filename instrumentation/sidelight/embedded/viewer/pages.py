"""The viewer's pages: every address shows a `View`, which then goes from page to page itself."""

from pathlib import Path
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import app as nicegui_app
from nicegui import ui
from nicegui.dependencies import esm_modules
from nicegui.version import __version__

from sidelight.embedded.viewer.elements import STATIC
from sidelight.embedded.viewer.hub import Hub
from sidelight.embedded.viewer.view import START, View

ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" '
    'fill="#4f8ac9"/><path d="M8 1a7 7 0 0 0 0 14z" fill="#e5a72e"/></svg>'
)
# Before anything is drawn, so that no page is white for a moment first.
THEME: Final = """<script>
  try { document.documentElement.dataset.theme = localStorage.getItem("sidelight-theme") ??
    (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"); }
  catch { document.documentElement.dataset.theme = "light"; }
</script>"""


def pages(hub: Hub) -> FastAPI:
    """The application, with NiceGUI in it."""
    application = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    ui.add_head_html(head(), shared=True)

    @ui.page("/")
    def start() -> Response:
        return RedirectResponse(START)

    @ui.page("/d/{uid}")
    def dashboard(request: Request, uid: str) -> Response | None:
        return None if shown(request) or uid in hub.boards else RedirectResponse(START)

    @ui.page("/slow")
    def slow(request: Request) -> None:
        shown(request)

    @ui.page("/alerts")
    def alerts(request: Request) -> None:
        shown(request)

    def shown(request: Request) -> bool:
        path, query = request.url.path, request.url.query
        if path.startswith("/d/") and path.removeprefix("/d/") not in hub.boards:
            return False
        View(hub, ui.context.client).open(f"{path}?{query}")
        return True

    ui.run_with(
        application,
        title="Sidelight",
        favicon=ICON,
        tailwind=False,
        dark=None,
        language="en-US",
        show_welcome_message=False,
        message_history_length=50,
    )
    nicegui_app.on_shutdown(hub.close)
    return application


def head() -> str:
    """What every page has in its head: theme, styles, and what is needed first."""
    style = Path(STATIC / "style.css").read_text("utf-8")
    (key,) = (key for key, one in esm_modules.items() if one.name == "nicegui-echart")
    echarts = f'<link rel="modulepreload" href="/_nicegui/{__version__}/esm/{key}/index.js">'
    return f"{THEME}<style>{style}</style>{echarts}"
