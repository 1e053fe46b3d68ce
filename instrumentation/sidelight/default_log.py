"""Where Sidelight logs while the application configures no logging: stderr, with time and level.

Python's own last resort writes the message alone, and nothing below the level WARNING.
"""

import logging
import sys
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

logger = logging.getLogger("sidelight")


class LastResort(logging.StreamHandler[TextIO]):
    """Writes a record unless the application has a handler that does."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether no other handler has the record."""
        return not configured(record.name) and bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        """Write to what stderr is now."""
        self.stream = sys.stderr
        super().emit(record)


_last_resort = LastResort()
_last_resort.setFormatter(logging.Formatter(FORMAT))


def configured(name: str) -> bool:
    """Whether the application has given a handler to the root logger, or to Sidelight's."""
    loggers = (logging.root, logger, logging.getLogger(name))
    return any(handler is not _last_resort for one in loggers for handler in one.handlers)


def install() -> None:
    """Use it from now on. It can be called again."""
    logger.addHandler(_last_resort)


def started(message: str, *args: object) -> None:
    """Log a line at the level INFO, which is shown by default, as uvicorn's own are."""
    if configured(logger.name):
        logger.info(message, *args)
    else:
        _last_resort.handle(
            logger.makeRecord(logger.name, logging.INFO, __file__, 0, message, args, None)
        )
