"""A step every few seconds: what a scrape would give, into the history."""

import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import anyio
import anyio.to_thread

from sidelight.cooperative import in_slices
from sidelight.embedded.history.exemplars import Exemplars
from sidelight.embedded.history.families import Families
from sidelight.embedded.history.history import History
from sidelight.embedded.history.page import Page
from sidelight.embedded.history.target import NAMELESS, Target
from sidelight.errors import StoreError
from sidelight.export.prometheus import Format, render
from sidelight.sidecar.watch import Watch

logger = logging.getLogger("sidelight.sidecar")

PIECE = 1 << 18
"""Bytes of a page that go to the other thread at a time."""
REST = 4
"""A step that took long is followed by a rest of so many times as long."""


class Sampler:
    """Samples one directory into a history, every ``step`` seconds."""

    def __init__(self, watch: Watch, history: History, step: float, target: Target) -> None:
        """``target`` has no job where the service's own name is to be it."""
        self.families = Families()
        self.exemplars = Exemplars()
        self.late = 0
        """Steps that were left out, since the one before took too long."""
        self._watch = watch
        self._history = history
        self._step = step
        self._given = target
        self._thread = anyio.CapacityLimiter(1)
        self._target = target
        self._latest = 0

    async def keep(self) -> None:
        """Sample for ever."""
        due = time.monotonic()
        while True:
            began = time.monotonic()
            try:
                await self.sample()
            except Exception:
                logger.exception("fault in the history; trying again")
            took = time.monotonic() - began
            due += self._step
            rested = began + took * (1 + REST)
            while due < rested:
                due += self._step
                self.late += 1
            await anyio.sleep(max(0.0, due - time.monotonic()))

    async def sample(self) -> None:
        """One step."""
        now, began = self._now(), time.perf_counter()
        try:
            page = await self._page()
        except StoreError:  # the watch says so by itself
            page = self._begin()
            page.own("up", 0)
        else:
            page.own("up", 1)
        await self._run(self._finish, page, now, began)

    def _now(self) -> int:
        """Milliseconds since the epoch. Where the clock was set back, what is ahead of it goes."""
        now = time.time_ns() // 1_000_000
        if now <= self._latest - 1000 * self._step:
            logger.warning("the clock was set back: the history begins anew")
            self._history.clear()
        self._latest = now
        return now

    async def _page(self) -> Page:
        """The whole page, read. Raises `StoreError`."""
        pieces = in_slices(render(await self._watch.shot(), Format.OPENMETRICS))
        page = self._begin()
        async for piece in gathered(pieces):
            await self._run(page.read, piece, self.families)
        return page

    def _begin(self) -> Page:
        """An empty page of this target; another target's series end here."""
        job = self._given.job or self._watch.about.service_name or self._target.job or NAMELESS
        target = replace(self._given, job=job)
        if target != self._target and self._target.job:
            gone = Page(self._history, self._history.stream(self._target), self._target.labels)
            gone.add(self._latest, self.exemplars)
        self._target = target
        return Page(self._history, self._history.stream(target), target.labels)

    def _finish(self, page: Page, now: int, began: float) -> None:
        page.own("scrape_duration_seconds", time.perf_counter() - began)
        page.own("scrape_samples_scraped", page.lines)
        page.own("scrape_samples_post_metric_relabeling", page.lines)
        page.own("scrape_series_added", page.added)
        page.add(now, self.exemplars)
        self.exemplars.expire(now - self._history.keep)

    async def _run(self, work: Callable[..., None], *given: Any) -> None:
        await anyio.to_thread.run_sync(work, *given, limiter=self._thread)


async def gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same lines in fewer pieces."""
    waiting: list[bytes] = []
    size = 0
    async for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
