"""Sends metrics over OTLP/HTTP from a thread of its own: the SDK's exporter blocks and retries."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FunctionType
from typing import Self

from opentelemetry.exporter.otlp.proto.http import metric_exporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData

from sidelight.otlp import environment
from sidelight.otlp.encoding import encode
from sidelight.otlp.ended_series import EndedSeries

LOGGERS = (
    "opentelemetry.exporter.otlp.common.http",
    "opentelemetry.exporter.otlp.proto.common._internal",
    "opentelemetry.exporter.otlp.proto.common._internal.metrics_encoder",
    "opentelemetry.exporter.otlp.proto.http._common",
    "opentelemetry.exporter.otlp.proto.http.metric_exporter",
    "urllib3.connection",
    "urllib3.connectionpool",
    "urllib3.util.retry",
)
NOTHING = MetricsData([])
logger = logging.getLogger("sidelight.otlp")


class LogFilter(logging.Filter):
    """Filters out warnings of the thread that enters it; other threads log as before.

    ``first_warning`` is the first that was filtered out since it was last emptied: the cause is
    logged before its consequences.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first_warning = ""
        self._thread = 0

    def __enter__(self) -> Self:
        self._thread = threading.get_ident()
        for name in LOGGERS:
            logging.getLogger(name).addFilter(self)
        return self

    def __exit__(self, *_: object) -> None:
        for name in LOGGERS:
            logging.getLogger(name).removeFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is logged."""
        if record.levelno < logging.WARNING or threading.get_ident() != self._thread:
            return True
        self.first_warning = self.first_warning or record.getMessage()
        return False


class OtlpExporter:
    """Sends the newest data that was offered, with the SDK's own OTLP/HTTP exporter.

    ``endpoint`` is the collector's base address (``http://collector:4318``) or the complete one;
    without it OpenTelemetry's variables name it. They also give headers, timeout, compression
    and certificates; a protocol other than ``http/protobuf`` is refused. Data is sent cumulative,
    whatever temporality they prefer. Raises `SettingsError` for an invalid value.

    ``period`` is the number of seconds between two offers, ``exponential`` whether durations are to
    be exponential histograms; ``outcomes`` counts successful and failed exports. No global state
    of OpenTelemetry is set.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self.endpoint = environment.url(endpoint, os.environ)
        self.period = environment.period(os.environ)
        self.exponential = environment.exponential(os.environ)
        self.outcomes = {"success": 0, "failure": 0}
        environment.check(os.environ)
        self._exporter = OTLPMetricExporter(endpoint=self.endpoint)
        self._export = _export_with(self._encode)
        self._series = EndedSeries()
        self._changed = threading.Condition()
        self._newest: MetricsData | None = None
        self._closing = False
        self._final = False
        self._failing = False
        self._log_filter = LogFilter()
        self._thread = threading.Thread(target=self._run, name="sidelight-otlp", daemon=True)
        self._thread.start()

    def offer(self, data: MetricsData) -> None:
        """Hand over data without waiting. It replaces data not sent yet, which loses no count."""
        with self._changed:
            if not self._closing:
                self._newest = data
                self._changed.notify()

    def close(self, timeout: float = 5.0) -> None:
        """Send the last data and end every series, within ``timeout`` seconds."""
        with self._changed:
            closed_before, self._closing = self._closing, True
            self._changed.notify()
        self._thread.join(timeout)
        if not closed_before:
            with suppress(Exception):
                self._exporter.shutdown(timeout_millis=0)  # ends its retries

    def _run(self) -> None:
        with self._log_filter:
            while not self._final:
                data = self._next()
                if data is not NOTHING or self._series.any_left:
                    self._send(data)

    def _next(self) -> MetricsData:
        """The newest data, as soon as there is any; nothing at the end, if it was sent before."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._newest is not None)
            data, self._newest = self._newest or NOTHING, None
            self._final = self._closing
        return data

    def _send(self, data: MetricsData) -> None:
        self._log_filter.first_warning = ""
        try:
            sent = self._export(self._exporter, data) is MetricExportResult.SUCCESS
            problem = self._log_filter.first_warning
        except Exception as error:  # noqa: BLE001 older exporters raise what requests raises
            sent, problem = False, f"{type(error).__name__}: {error}"
        if sent:
            self._series.note_arrival()
        self.outcomes["success" if sent else "failure"] += 1
        self._log_change(sent=sent, problem=problem)

    def _encode(self, data: MetricsData) -> ExportMetricsServiceRequest:
        request = encode(data)
        self._series.add_to(request, final=self._final)
        return request

    def _log_change(self, *, sent: bool, problem: str) -> None:
        """Log once when exports begin to fail, and once when they work again."""
        where = environment.without_secrets(self.endpoint)
        if sent and self._failing:
            logger.info("metrics reach %s again", where)
        elif not sent and not self._failing:
            logger.warning(
                "metrics do not reach %s%s; no count is lost, the next export has them all: %s",
                where,
                environment.hint(self.endpoint),
                " ".join(problem.split())[:300] or "no reason given",
            )
        self._failing = not sent


def _export_with(encode: Callable[[MetricsData], ExportMetricsServiceRequest]) -> FunctionType:
    """The SDK's own `export` with another encoder: its data points have no flags."""
    sdk = OTLPMetricExporter.export
    names = {**vars(metric_exporter), "encode_metrics": encode}
    return FunctionType(sdk.__code__, names, None, sdk.__defaults__, sdk.__closure__)
