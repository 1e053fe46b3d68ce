"""``GET /metrics`` of a worker: who may read it, and what is on it."""

import hmac
import time

import anyio
import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import Scope

from sidelight.app_metrics.registry import default_registry
from sidelight.asgi.recorder import Recorder
from sidelight.contract import METRICS
from sidelight.cooperative import run_in_slices
from sidelight.export.collector import Collector
from sidelight.export.negotiation import wanted_format
from sidelight.export.response import metrics_response
from sidelight.export.snapshot import Snapshot
from sidelight.runtime import process
from sidelight.store.stopped_workers import merge_stopped_workers
from sidelight.text_format import ExpositionFormat, header, label_set

INTERNAL_ERRORS = METRICS["sidelight_internal_errors_total"]


class MetricsPage:
    """The page of one application in this process."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._store = recorder.store
        self._collector = Collector(recorder.store.reader, recorder.file)
        self._lock = anyio.Lock()

    async def answer(self, scope: Scope) -> Response:
        """The answer to GET or HEAD. Raises whatever goes wrong."""
        return await metrics_response(Headers(scope=scope), self._shot)

    async def _shot(self) -> Snapshot:
        began = time.perf_counter_ns()
        async with self._lock:
            own = await self._own()
            self._recorder.heartbeat.mend()
            process.publish(self._store.file)
            if self._store.directory is not None:
                try:
                    self._store.directory.mark_scraped()
                    await run_in_slices(merge_stopped_workers(self._store.reader))
                except OSError:
                    self._recorder.fault("fold")
            shot = await run_in_slices(self._collector.collect(own))
            self._collector.add_target_info(shot, self._recorder.about)
            self._collector.add_duration(shot, time.perf_counter_ns() - began)
        return shot

    async def _own(self) -> bytes:
        """The application's own registry, as it is now; the last look at it if that fails."""
        publisher = self._recorder.heartbeat.app_metrics
        if default_registry() is None:
            return b""
        try:
            if publisher.is_quick:
                return publisher.publish()
            return await anyio.to_thread.run_sync(publisher.publish)
        except Exception:  # noqa: BLE001 a collector of the application's may raise anything
            self._recorder.fault("registry")
            return publisher.latest


def refused(token: str | None, scope: Scope) -> Response | None:
    """What a client without the right token gets."""
    if token is None:
        return None
    given = Headers(scope=scope).get("authorization", "")
    kind, _, value = given.partition(" ")
    if kind.lower() == "bearer" and hmac.compare_digest(value.strip().encode(), token.encode()):
        return None
    return PlainTextResponse(
        "a bearer token is needed\n", 401, headers={"www-authenticate": "Bearer"}
    )


def unmeasured(where: str, scope: Scope) -> Response:
    """The page of a process that has no store: it says so, and why."""
    form = wanted_format(Headers(scope=scope).get("accept", ""))
    text = header(INTERNAL_ERRORS.name, "counter", INTERNAL_ERRORS.help, "", form).decode()
    text += f"{INTERNAL_ERRORS.name}{label_set((('where', where),))} 1.0\n"
    text += "# EOF\n" if form is ExpositionFormat.OPENMETRICS else ""
    return Response(text, media_type=form.value)
