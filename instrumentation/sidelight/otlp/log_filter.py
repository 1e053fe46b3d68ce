"""Keeps the SDK's exporter from logging every failed attempt, and remembers why one failed."""

import logging
import threading
from typing import Self

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
