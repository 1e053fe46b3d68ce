"""Faults of Sidelight itself: each is counted and logged, and none reaches the application.

``with guarded("where", faults):`` is how every room says so. The request path's few lines that
must cost nothing have a plain ``try`` instead, and call `Faults.note`.
"""

import logging
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from types import TracebackType
from typing import ParamSpec, Self

from sidelight.contract import METRICS, Metric
from sidelight.runtime import instruments

logger = logging.getLogger("sidelight")

INTERNAL_ERRORS = METRICS["sidelight_internal_errors_total"]
LOG_SECONDS = 60.0

P = ParamSpec("P")


class Faults:
    """Counts faults with ``count``, and logs each place at most once a minute."""

    def __init__(
        self,
        count: Callable[[Metric, tuple[str, ...]], object],
        metric: Metric = INTERNAL_ERRORS,
        message: str = "fault in %s; requests are not affected",
    ) -> None:
        self._count = count
        self._metric = metric
        self._message = message
        self._logged: dict[str, float] = {}

    def note(self, where: str) -> None:
        """Count the exception being handled, and log it if that is due. Never raises."""
        cause = sys.exc_info()
        with suppress(Exception):  # the store may be full or closed, a log handler may raise
            now = time.monotonic()
            if now - self._logged.get(where, -LOG_SECONDS) >= LOG_SECONDS:
                self._logged[where] = now
                logger.error(self._message, where, exc_info=cause)
            self._count(self._metric, (where,))


OF_PROCESS = Faults(instruments.count)
"""For faults that belong to no application: they are counted in every store of this process."""


class guarded:  # noqa: N801 it reads as a statement, as contextlib's own do
    """Suppresses an exception that Sidelight raises, as a context manager or a decorator.

    The block ends at the exception, which is counted under ``where`` and logged; a decorated
    function then returns None. Cancellation and interrupts pass, since they are no faults.
    """

    __slots__ = ("_faults", "_where")

    def __init__(self, where: str, faults: Faults = OF_PROCESS) -> None:
        self._where = where
        self._faults = faults

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, Exception):
            return False
        self._faults.note(self._where)
        return True

    def __call__(self, function: Callable[P, None]) -> Callable[P, None]:
        """The function, guarded each time it is called."""

        @wraps(function)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            with self:
                function(*args, **kwargs)

        return run
