"""A call in a thread of its own, for which requests wait while the event loop goes on."""

from collections.abc import Callable
from threading import Thread, get_ident
from time import monotonic

import anyio
from anyio.lowlevel import checkpoint

from sidelight.runtime import threads

BUSY_SECONDS = 1.0
PAUSE = 0.005


class ThreadCall:
    """One call. Where no event loop runs that AnyIO knows, it is made in this thread."""

    def __init__(self, call: Callable[..., None], *args: object) -> None:
        self.ended = False
        self._call = call
        self._args = args
        self._error: BaseException | None = None
        self._polled: dict[int, anyio.Event] = {}  # by the thread of an event loop
        if threads.limiter() is None:
            self._run()
        else:
            Thread(target=self._run, name="sidelight-start", daemon=True).start()

    def _run(self) -> None:
        try:
            self._call(*self._args)
        except BaseException as error:  # noqa: BLE001 it is raised where the call is waited for
            self._error = error
        finally:
            self.ended = True

    async def wait(self) -> None:
        """Wait for the end of the call, and raise what it raised.

        A task that waits for a thread is blocked for `anyio.wait_all_tasks_blocked`, by which a
        test finds that its requests have come as far as they can. So this task is never blocked,
        except after `BUSY_SECONDS`, since it uses a core meanwhile. Others of the same event loop
        wait for this one: of many, the thread would get no turn.
        """
        with anyio.CancelScope(shield=True):
            while not self.ended:
                polled = self._polled.get(get_ident())
                await (self._poll() if polled is None else polled.wait())
        if self._error is not None:
            raise self._error

    async def _poll(self) -> None:
        polled = self._polled[get_ident()] = anyio.Event()
        until = monotonic() + BUSY_SECONDS
        try:
            while not self.ended:
                await (checkpoint() if monotonic() < until else anyio.sleep(PAUSE))
        finally:
            del self._polled[get_ident()]
            polled.set()
