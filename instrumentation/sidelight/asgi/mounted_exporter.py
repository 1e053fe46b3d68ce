"""An exporter of the application's own, at the path of the metrics behind an opaque mount.

Routes that Sidelight cannot see, such as those of a WSGI application that is mounted at ``/``, may
include the path of the metrics. Only an answer shows it, so the first scrape is given to the
application, and its answer is passed on if that is a page of metrics.
"""

import logging
from http import HTTPStatus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sidelight.asgi.exclusions import Exclusions
from sidelight.asgi.metrics_endpoint import MetricsEndpoint
from sidelight.asgi.recorder import Recorder
from sidelight.runtime.faults import guarded

logger = logging.getLogger("sidelight")

USUAL_PATH = "/metrics"
"""The path of other exporters. At another path, which the settings choose, Sidelight answers."""
METRICS_TYPES = (b"text/plain; version=", b"application/openmetrics-text", b"application/vnd.goog")


class MetricsPath:
    """What answers at the path of the metrics: the application's own exporter, or Sidelight."""

    def __init__(
        self, app: ASGIApp, endpoint: MetricsEndpoint, recorder: Recorder, exclusions: Exclusions
    ) -> None:
        self.endpoint = endpoint
        self._app = app
        self._recorder = recorder
        self._exclusions = exclusions
        self._tried = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET or HEAD."""
        table = self._recorder.labels.table
        path = self._exclusions.metrics_path
        if path == USUAL_PATH and not self._tried and table.is_opaque(path):
            answer = _Answer(send)
            with guarded("endpoint", self._recorder.faults):
                await self._app(dict(scope), receive, answer.send)
            self._tried = answer.status not in {0, *range(HTTPStatus.INTERNAL_SERVER_ERROR, 600)}
            if answer.is_metrics:
                leave_metrics_path(self._exclusions, path)
                return
        await self.endpoint(scope, receive, send)


def leave_metrics_path(exclusions: Exclusions, path: str | None) -> None:
    """The path of the metrics is the application's own."""
    logger.warning(
        "%s is a route of the application's own and keeps its answer; "
        'set metrics_path="/sidelight" to have the metrics beside it',
        path,
    )
    exclusions.leave_metrics_path()


class _Answer:
    """The application's answer, which reaches the client only if it is a page of metrics."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self.is_metrics = False
        self._send = send

    async def send(self, message: Message) -> None:
        """Pass on a message of a page of metrics."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            kinds = (
                value
                for name, value in message.get("headers", ())
                if name.lower() == b"content-type"
            )
            is_page = any(bytes(kind).lower().startswith(METRICS_TYPES) for kind in kinds)
            self.is_metrics = is_page and self.status == HTTPStatus.OK
        if self.is_metrics:
            await self._send(message)
