"""`SidelightMiddleware`: one line in the application, and every request passes through here."""

import logging
import os
import time
import weakref
from time import monotonic_ns
from typing import Unpack

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from sidelight.asgi import native
from sidelight.asgi.apart import Apart
from sidelight.asgi.books import Page
from sidelight.asgi.exchange import NOTICEABLE, Exchange, begin
from sidelight.asgi.handlers import MARK, watch
from sidelight.asgi.lifespan import Lifespan, refuse
from sidelight.asgi.page import MetricsPage, refused, unmeasured
from sidelight.asgi.recorder import Recorder
from sidelight.asgi.routes import routes_below
from sidelight.asgi.websocket import Session
from sidelight.errors import StoreError
from sidelight.settings import EVERY_ROUTE, Options, Settings, disabled, load
from sidelight.store.layout import STATE, WorkerState
from sidelight.store.process_store import open_store

logger = logging.getLogger("sidelight")

RETRY_SECONDS = 30.0

_living: "weakref.WeakSet[SidelightMiddleware]" = weakref.WeakSet()


class SidelightMiddleware:
    """Measures every request of an application, and answers ``GET /metrics``.

    Options are those of `sidelight.settings.Options`; all have defaults. Nothing that goes
    wrong in here reaches a request. The constructor never raises: a wrong option answers
    ``lifespan.startup.failed`` with the reason, or is logged once where the server has no
    lifespan, and requests pass through unmeasured.
    """

    def __init__(self, app: ASGIApp, **options: Unpack[Options]) -> None:
        self.app = app
        self.problem: str | None = None
        self._settings: Settings | None = None
        self._recorder: Recorder | None = None
        self._page: MetricsPage | None = None
        self._broken = ""
        self._retry = 0.0
        self._pages: dict[str, Page] = {}
        """By method, those of requests that can go the short way."""
        if not disabled():
            try:
                self._settings = load(options)
                self._apart = Apart(self._settings)
            except Exception as error:  # noqa: BLE001 the constructor never raises
                self.problem = f"SidelightMiddleware: {error}"
        _living.add(self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, connection or lifespan."""
        row = None
        try:
            page = self._pages[scope["method"]]
            path = scope["path"]
            if (
                path == page.own
                or scope["root_path"] != page.root
                or scope["scheme"] != page.scheme
                or MARK in scope
                or (
                    page.careful
                    and (path in self._apart.exact or path.startswith(self._apart.prefixes))
                )
            ):
                raise LookupError  # noqa: TRY301 one way out of here
            page.unsampled = left = page.unsampled - 1
            if not left:
                raise LookupError  # noqa: TRY301 as above
            exchange = Exchange()
            exchange.page = page
            exchange.scope = scope
            exchange.ask = receive
            exchange.pass_on = send
            exchange.status = 0
            exchange.extra = None
            text = scope["raw_path"]
            exchange.row = row = page.rows.pop()
            row.text.value = text
            words, at = page.words, row.word
            words[at + 1] = page.asked
            exchange.since = words[at] = start = monotonic_ns()
            scope[MARK] = page, row, start
            if start > page.due:
                page.recorder.wake()
        except Exception:  # noqa: BLE001 unusual, or a fault: either is for who looks closely
            if row is not None:
                page.recorder.file.release_slot(row)
                row = None
        if row is None:
            await self._unusual(scope, receive, send)
            return
        try:
            await self.app(scope, exchange.receive, exchange.send)
        except BaseException as error:
            exchange.end(error)
            raise
        if exchange.row is not None or monotonic_ns() - exchange.since >= NOTICEABLE:
            exchange.end(None)

    async def _measured(
        self, recorder: Recorder, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """A request that is the first of its kind, or that has something unusual."""
        try:
            page = recorder.page(scope)
            apart = self._apart.has(scope)
            if recorder.keeps(page):
                self._learn(page)
            exchange = None if apart else begin(page, scope, receive, send)
        except Exception:  # noqa: BLE001 no fault of ours may reach a request
            recorder.fault("begin")
            await self.app(scope, receive, send)
            return
        if exchange is None:
            await self._set_apart(recorder, scope, receive, send)
            return
        scope[MARK] = exchange
        if page.unsampled > 0:
            page.unsampled -= 1
        try:
            if page.unsampled:
                await self.app(scope, exchange.receive, exchange.send)
            else:
                await recorder.sampler.run(self.app, exchange)
        except BaseException as error:
            exchange.end(error)
            raise
        finally:
            scope.pop(MARK, None)
        if exchange.row is not None or monotonic_ns() - exchange.since >= NOTICEABLE:
            exchange.end(None)

    def _learn(self, page: Page) -> None:
        """Requests like this one can go the short way from now on: see `__call__`."""
        settings = page.recorder.settings
        page.own = settings.metrics_path or ""
        page.careful = bool(page.root or settings.exclude)
        self._pages[page.method] = page

    async def _set_apart(
        self, recorder: Recorder, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Our own page, or a path that is not measured."""
        if not self._apart.asks_for_page(scope):
            await self.app(scope, receive, send)
            return
        answer = refused(recorder.settings.metrics_token, scope)
        if answer is None:
            try:
                if self._page is None:
                    self._page = MetricsPage(recorder)
                answer = await self._page.answer(scope)
            except Exception:  # noqa: BLE001 counted, and said to whoever asked
                recorder.fault("page")
                answer = PlainTextResponse("the page can't be made; the log says why\n", 500)
        await answer(scope, receive, send)

    async def _unusual(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything but a request of a service that runs."""
        if self._lets_pass(scope):
            await self.app(scope, receive, send)
        elif self._recorder is not None and scope["type"] == "http":
            await self._measured(self._recorder, scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        elif self._recorder is None and self._open(scope):
            await self(scope, receive, send)
        elif self._recorder is not None and scope["type"] == "websocket":
            await self._websocket(self._recorder, scope, receive, send)
        elif scope["type"] == "http" and self._settings and self._apart.asks_for_page(scope):
            answer = refused(self._settings.metrics_token, scope)
            await (answer or unmeasured(self._broken, scope))(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _lets_pass(self, scope: Scope) -> bool:
        """Whether we are switched off, or one of ours measures the request already."""
        if self._settings is None and self.problem is None:
            return True
        mark = scope.get(MARK)
        if not isinstance(mark, tuple):
            return mark is not None
        try:
            page, row, start = mark  # of a request that is over, if the scope is used again
            return bool(page.words[row.word] == start)
        except Exception:  # noqa: BLE001 its file is closed, or the mark is somebody else's
            return False

    async def _websocket(
        self, recorder: Recorder, scope: Scope, receive: Receive, send: Send
    ) -> None:
        session = None
        try:
            if not self._apart.has(scope):
                session = Session(recorder, recorder.page(scope), scope, receive, send)
        except Exception:  # noqa: BLE001 no fault of ours may reach a connection
            recorder.fault("begin")
        if session is None:
            await self.app(scope, receive, send)
            return
        scope[MARK] = True
        try:
            await self.app(scope, session.receive, session.send)
        except BaseException as error:
            session.end(error)
            raise
        else:
            session.end(None)
        finally:
            scope.pop(MARK, None)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.problem is not None:
            await refuse(self.problem, receive, send)
            return
        scope[MARK] = True
        lifespan = Lifespan(lambda: self._start(scope), self._drain, self._close)
        await lifespan.run(self.app, scope, receive, send)

    def _start(self, scope: Scope) -> None:
        if self._open(scope) and self._recorder is not None:
            self._recorder.heartbeat.wake()

    def _open(self, scope: Scope) -> bool:
        """Get this process's store; False, and why is logged, when it can't be had."""
        if self._recorder is not None:
            return True
        if self._settings is None:
            if self.problem and not self._broken:
                self._broken = "settings"
                logger.error("%s; requests pass through unmeasured", self.problem)
            return False
        if time.monotonic() < self._retry:
            return False
        try:
            store = open_store(self._settings)
            twice = native.sends_metrics(scope.get("app"))
            routes = routes_below(scope, self.app)
            self._recorder = Recorder(self._settings, store, routes, "metrics" if twice else "")
            self._check(self._recorder, self._settings)
            watch(self.app)
        except Exception as error:
            reason = error.reason if isinstance(error, StoreError) else "fault"
            self._retry = time.monotonic() + RETRY_SECONDS
            self._broken = f"store_{reason}"
            logger.error(  # noqa: TRY400 a reason in words needs no traceback
                "requests of this worker pass through unmeasured: %s",
                error,
                exc_info=not isinstance(error, StoreError),
            )
            return False
        self._page, self._broken = None, ""
        return True

    def _check(self, recorder: Recorder, settings: Settings) -> None:
        """Say what in the settings doesn't fit the application's routes."""
        known = {
            f"{method} {route.template}"
            for route in recorder.labels.table.routes
            for method in route.methods
        }
        for name in settings.slow_request_threshold:
            if name not in {EVERY_ROUTE, *known}:
                logger.warning("slow names %r, which is no route of this application", name)
        taken = {f"GET {settings.metrics_path}", f"* {settings.metrics_path}/{{path}}"}
        if taken & known:
            logger.warning(
                "%s is a route of the application's own and keeps its answer; "
                'set metrics_path="/sidelight" to have Sidelight\'s page beside it',
                settings.metrics_path,
            )
            self._apart.leave_page()

    def _drain(self) -> None:
        if self._recorder is not None:
            self._recorder.file.words[STATE] = WorkerState.DRAINING

    def _close(self) -> None:
        """The application has stopped: leave what was counted to the others."""
        recorder = self._recorder
        self._forget()
        if recorder is not None:
            recorder.close()

    def _forget(self) -> None:
        self._recorder = self._page = None
        self._pages = {}


def _after_fork() -> None:
    for middleware in list(_living):
        middleware._forget()  # noqa: SLF001 our own


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
