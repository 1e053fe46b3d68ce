"""The viewer's application and process."""

import socket
import sys
from typing import Final

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from nicegui import app as nicegui_app
from nicegui import ui
from nicegui.dependencies import esm_modules
from nicegui.version import __version__

from sidelight.embedded.viewer.clients import ViewerContext, viewer_context
from sidelight.embedded.viewer.elements import STATIC
from sidelight.embedded.viewer.security import SecurityMiddleware
from sidelight.embedded.viewer.settings import LISTEN, ViewerSettings
from sidelight.embedded.viewer.view import START, BrowserView
from sidelight.serving.process import address_of, listen, serve

SHUTDOWN_TIMEOUT: Final = 2
"""Seconds that requests have to end in when the process ends."""
RECONNECT_TIMEOUT: Final = 30
"""Seconds for which the state of a page is kept after its connection is lost.

NiceGUI sends a ping after 0.8 times this time, and closes a connection on which the answer takes
more than 0.4 times this time.
"""
ICON: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" '
    'fill="#4f8ac9"/><path d="M8 1a7 7 0 0 0 0 14z" fill="#e5a72e"/></svg>'
)
# Runs before the page is drawn, so that a dark page is never white at first.
THEME: Final = """<script>
  try { document.documentElement.dataset.theme = localStorage.getItem("sidelight-theme") ??
    (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"); }
  catch { document.documentElement.dataset.theme = "light"; }
</script>"""


def run(settings: ViewerSettings) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` if the address can't be used."""
    listener = listen(settings, LISTEN)
    app = SecurityMiddleware(application(viewer_context(settings)), settings.token, settings.hosts)
    _print_address(settings, listener)
    serve(app, listener, SHUTDOWN_TIMEOUT, log_level="warning")


def _print_address(settings: ViewerSettings, listener: socket.socket) -> None:
    where = address_of(listener)
    sys.stdout.write(f"sidelight viewer: http://{where}/ shows {settings.metrics_url}\n")
    if settings.open:
        sys.stdout.write(f"--insecure: every client that reaches {where} has access\n")
    sys.stdout.flush()


def application(context: ViewerContext) -> FastAPI:
    """The application, to which NiceGUI is added."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    ui.add_head_html(_head(), shared=True)
    _add_pages(context)
    ui.run_with(
        app,
        title="Sidelight",
        favicon=ICON,
        tailwind=False,
        dark=None,
        language="en-US",
        show_welcome_message=False,
        reconnect_timeout=RECONNECT_TIMEOUT,
        message_history_length=50,
    )
    nicegui_app.on_shutdown(context.close)
    return app


def _add_pages(context: ViewerContext) -> None:
    def show(request: Request) -> None:
        view = BrowserView(context, ui.context.client)
        view.open(f"{request.url.path}?{request.url.query}")

    def root() -> Response:
        return RedirectResponse(START)

    def dashboard(request: Request, uid: str) -> Response | None:
        if uid not in context.dashboards:
            return RedirectResponse(START)
        show(request)
        return None

    ui.page("/")(root)
    ui.page("/d/{uid}")(dashboard)
    ui.page("/slow")(show)
    ui.page("/alerts")(show)


def _head() -> str:
    """The head of every page: the theme, the styles, and a preload of ECharts."""
    style = (STATIC / "style.css").read_text("utf-8")
    (key,) = (key for key, one in esm_modules.items() if one.name == "nicegui-echart")
    echarts = f'<link rel="modulepreload" href="/_nicegui/{__version__}/esm/{key}/index.js">'
    return f"{THEME}<style>{style}</style>{echarts}"
