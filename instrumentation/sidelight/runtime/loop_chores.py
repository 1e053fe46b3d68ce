"""What is done once a second on the event loop itself, without a call of the file system."""

import logging
import time
from collections.abc import Callable

from sidelight.errors import StoreError
from sidelight.runtime.file_chores import FileChores
from sidelight.store.process_store import Store

logger = logging.getLogger("sidelight")

EVERY = 1.0
LOGGED_EVERY = 60


class LoopChores:
    """Those of one store."""

    def __init__(self, store: Store, files: FileChores) -> None:
        self._applications: list[Callable[[], None]] = []
        self._store = store
        self._files = files
        self._times = 0
        self._next = 0.0

    def add_application(self, on_chores: Callable[[], None]) -> None:
        """Call ``on_chores`` each time, and when the file was made again."""
        self._applications.append(on_chores)

    def remove_application(self, on_chores: Callable[[], None]) -> None:
        """Call it no longer."""
        self._applications.remove(on_chores)

    @property
    def are_due(self) -> bool:
        """Whether a second has passed."""
        return time.monotonic() >= self._next

    def do(self) -> None:
        """Do them now."""
        self._next = time.monotonic() + EVERY
        self._times += 1
        self.renew_file()
        self.call_applications()

    def renew_file(self) -> None:
        """Make this worker's file again if it was removed.

        No request can be recorded meanwhile, so this is not done in another thread.
        """
        if not self._files.is_file_gone:
            return
        try:
            if self._store.renew():
                logger.error(
                    "the directory of this worker's file was removed; made again at %s, "
                    "without what workers before had left there",
                    getattr(self._store.directory, "path", None),
                )
        except StoreError as error:
            if self._times % LOGGED_EVERY == 1:
                logger.error("metrics of this worker can't be read by others: %s", error)  # noqa: TRY400 the message says it all
        else:
            self._files.is_file_gone = False
            self.call_applications()

    def call_applications(self) -> None:
        """Let the applications read again what may have changed, such as when to wake the timer."""
        for on_chores in self._applications.copy():
            on_chores()
