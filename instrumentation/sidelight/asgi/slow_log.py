"""One structured log line for a slow request, at a bounded rate."""

import logging
import threading
import time
from typing import Any

from sidelight.store.slow_requests import SlowRequest

logger = logging.getLogger("sidelight.slow")

LINES = 10
UNSAID = frozenset({"when", "worker"})
PERIOD = 10.0
"""At most this many lines in so many seconds; the next line says how many were left out."""


class SlowLog:
    """Writes ``sidelight.slow``; the facts are attributes of the record as well."""

    def __init__(self) -> None:
        self._since = -PERIOD
        self._lines = 0
        self._suppressed = 0
        self._lock = threading.RLock()  # a finalizer may end a request while this thread holds it

    def write(self, record: SlowRequest) -> None:
        """Log one request, or count it as suppressed."""
        suppressed = self._turn(time.monotonic())
        if suppressed is None:
            return
        facts = {name: value for name, value in record.to_dict().items() if name not in UNSAID}
        text = " ".join(f"{key}={_plain(value)}" for key, value in facts.items())
        if suppressed:
            facts["suppressed"] = suppressed
            text += f" ({suppressed} slow requests before it were not logged)"
        logger.warning("slow request %s", text, extra={"sidelight": facts})

    def _turn(self, now: float) -> int | None:
        """How many were suppressed since the last line; None if this one is suppressed too."""
        with self._lock:
            if now - self._since >= PERIOD:
                self._since, self._lines = now, 0
            if self._lines >= LINES:
                self._suppressed += 1
                return None
            self._lines += 1
            suppressed, self._suppressed = self._suppressed, 0
            return suppressed


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    if isinstance(value, dict):
        return ",".join(f"{name}:{_plain(each)}" for name, each in value.items())
    text = str(value)
    return text if text.isprintable() and " " not in text and text else repr(text)
