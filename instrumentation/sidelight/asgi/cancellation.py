"""Why a request ended without its response: who cancelled it."""

import asyncio
import multiprocessing
import signal
from contextlib import suppress

from starlette.requests import ClientDisconnect


def is_cancellation(error: BaseException | None) -> bool:
    """Whether an exception only says that the request was cancelled, or that its client left.

    Trio cancels with an exception of its own, and its task groups raise groups of it. A coroutine
    that is closed, as those of a loop that ends, sees a GeneratorExit.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(is_cancellation(each) for each in error.exceptions)
    kind = type(error)
    return isinstance(error, asyncio.CancelledError | ClientDisconnect | GeneratorExit) or (
        kind.__name__ == "Cancelled" and kind.__module__.partition(".")[0] == "trio"
    )


def server_stops() -> bool:
    """Whether this process's server was told to stop, where that can be seen.

    uvicorn and hypercorn cancel requests before they end the lifespan.
    """
    return _uvicorn_stops() or _hypercorn_stops()


def _uvicorn_stops() -> bool:
    """The handler of its signals is a method of its server, in gunicorn's workers of it too."""
    for number in (signal.SIGTERM, signal.SIGINT):
        server = getattr(signal.getsignal(number), "__self__", None)
        if getattr(server, "should_exit", None) is True:
            return True
    return False


def _hypercorn_stops() -> bool:
    """Its main process tells its workers by an event, an argument of their processes."""
    arguments = getattr(multiprocessing.current_process(), "_kwargs", {})
    told_to_stop = arguments.get("shutdown_event")
    with suppress(Exception):  # another library's argument of this name may be anything
        return told_to_stop is not None and told_to_stop.is_set() is True
    return False
