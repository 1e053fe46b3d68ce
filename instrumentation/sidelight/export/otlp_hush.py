"""Keeps the SDK's exporter from logging every try of ours, and hears why one failed."""

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


class Hush(logging.Filter):
    """Holds back warnings of the thread that enters it; other threads' exporters may speak.

    ``heard`` is the first that was held back since it was last emptied: the cause comes before
    what it led to.
    """

    def __init__(self) -> None:
        super().__init__()
        self.heard = ""
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
        """Whether a record may pass."""
        if record.levelno < logging.WARNING or threading.get_ident() != self._thread:
            return True
        self.heard = self.heard or record.getMessage()
        return False
