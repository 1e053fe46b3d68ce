"""Faults of ours: whatever they are, they are counted, now and then logged, and reach nobody."""

import logging
import sys
import time
from contextlib import suppress

from sidelight.contract import METRICS
from sidelight.store.writer import WorkerFile

logger = logging.getLogger("sidelight")

INTERNAL_ERRORS = METRICS["sidelight_internal_errors_total"]
LOG_SECONDS = 60.0


class Faults:
    """Those of one worker's file."""

    def __init__(self, file: WorkerFile) -> None:
        self._file = file
        self._said: dict[str, float] = {}

    def note(self, where: str) -> None:
        """Count the exception being handled; log it once a minute. Never raises."""
        cause = sys.exc_info()
        with suppress(Exception):
            now = time.monotonic()
            if now - self._said.get(where, -LOG_SECONDS) >= LOG_SECONDS:
                self._said[where] = now
                logger.error("fault in %s; requests are not affected", where, exc_info=cause)
            self._file.count(INTERNAL_ERRORS, (where,))
