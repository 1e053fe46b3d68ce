"""The thread in which the collectors of the application's metrics run, one for the process.

A collector may wait for a database, or for ever, so none runs on an event loop. A collector that
takes longer than `COLLECTOR_SECONDS` keeps the thread that it runs in, and another thread takes
over the rest: so it delays the other collectors once, and never stops them.
"""

import os
import threading
import time
from queue import SimpleQueue
from typing import Protocol

COLLECTOR_SECONDS = 0.5
MAX_KEPT_THREADS = 8
"""Threads that collectors may keep at one time."""


class Job(Protocol):
    """Work in steps."""

    def step(self) -> bool:
        """Do one step; whether there are more. Never raises."""


class CollectorThread:
    """Runs jobs one after another, in a daemon thread that starts with the first job."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._job: Job | None = None
        self._step_began = 0.0
        self._kept = 0

    def submit(self, job: Job) -> None:
        """Run a job after those before it."""
        self._jobs.put(job)
        self.keep_running()

    def keep_running(self) -> None:
        """Start the thread, or another one if the step that runs takes too long."""
        with self._lock:
            if self._thread is not None:
                if self._job is None or time.monotonic() - self._step_began < COLLECTOR_SECONDS:
                    return
                if self._kept == MAX_KEPT_THREADS:
                    return
                self._kept += 1
            self._step_began = time.monotonic()
            self._thread = threading.Thread(
                target=self._run, args=(self._job,), name="sidelight-collectors", daemon=True
            )
            self._thread.start()

    def _run(self, job: Job | None) -> None:
        while True:
            job = job or self._jobs.get()
            while job is not None:
                with self._lock:
                    self._job, self._step_began = job, time.monotonic()
                more = job.step()
                with self._lock:
                    if self._thread is not threading.current_thread():  # another has taken over
                        self._kept -= 1
                        return
                    self._job = job = job if more else None
                time.sleep(0)  # the event loop need not wait for a whole switch interval


thread = CollectorThread()
"""The thread of this process."""


def _after_fork() -> None:
    """In a forked child: the thread of the parent does not exist here."""
    global thread  # noqa: PLW0603 one for the process
    thread = CollectorThread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
