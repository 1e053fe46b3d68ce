"""Sends data over OTLP/HTTP from a thread of its own: the SDK's exporter blocks and retries."""

import logging
import os
import threading
from contextlib import suppress

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from sidelight.export import otlp_environment
from sidelight.export.otlp_hush import Hush

logger = logging.getLogger("sidelight.otlp")


class OtlpExporter:
    """Sends the newest data it was offered, by the SDK's own OTLP/HTTP exporter.

    ``endpoint`` is the collector's base address (``http://collector:4318``) or the whole one;
    without it OpenTelemetry's variables say where to. They also give headers, timeout,
    compression and certificates. Data is sent as it is: cumulative, whatever temporality they
    prefer. Raises `SettingsError` for a value that can't be used.

    ``period`` is how many seconds shall lie between two offers; ``outcomes`` counts what
    became of the exports. Nothing global of OpenTelemetry's is set.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = otlp_environment.url(endpoint, os.environ)
        self.period = otlp_environment.period(os.environ)
        self.outcomes = {"success": 0, "failure": 0}
        otlp_environment.check(os.environ)
        self._exporter = OTLPMetricExporter(endpoint=self.endpoint)
        self._changed = threading.Condition()
        self._newest: MetricsData | None = None
        self._closing = False
        self._failing = False
        self._hush = Hush()
        self._thread = threading.Thread(target=self._run, name="sidelight-otlp", daemon=True)
        self._thread.start()

    def offer(self, data: MetricsData) -> None:
        """Hand over data, and don't wait. It replaces what still waits, which loses no count."""
        with self._changed:
            if not self._closing:
                self._newest = data
                self._changed.notify()

    def close(self, timeout: float = 5.0) -> None:
        """Send what waits, if that takes no longer than ``timeout`` seconds, and end."""
        with self._changed:
            again, self._closing = self._closing, True
            self._changed.notify()
        self._thread.join(timeout)
        if not again:
            with suppress(Exception):
                self._exporter.shutdown(timeout_millis=0)  # breaks off what it still retries

    def _run(self) -> None:
        with self._hush:
            while (data := self._next()) is not None:
                self._send(data)

    def _next(self) -> MetricsData | None:
        """The newest data, as soon as there is some; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._newest is not None)
            data, self._newest = self._newest, None
        return data

    def _send(self, data: MetricsData) -> None:
        self._hush.heard = ""
        try:
            sent = self._exporter.export(data) is MetricExportResult.SUCCESS
            problem = self._hush.heard
        except Exception as error:  # noqa: BLE001 older exporters raise what requests raises
            sent, problem = False, f"{type(error).__name__}: {error}"
        self.outcomes["success" if sent else "failure"] += 1
        self._say(sent=sent, problem=problem)

    def _say(self, *, sent: bool, problem: str) -> None:
        """One line when it begins to fail, and one when it works again."""
        where = otlp_environment.shown(self.endpoint)
        if sent and self._failing:
            logger.info("metrics reach %s again", where)
        elif not sent and not self._failing:
            logger.warning(
                "metrics don't reach %s; no count is lost, the next export has them all: %s",
                where,
                " ".join(problem.split())[:300] or "no reason given",
            )
        self._failing = not sent
