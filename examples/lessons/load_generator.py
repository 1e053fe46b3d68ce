"""Clients that send requests to the service."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

import httpx

from scrape import LessonScrape, ScrapeDelta

CLIENTS = 4  # the number of threads, and fewer than there are connections

RequestFunction = Callable[[httpx.AsyncClient, int], Awaitable[object]]


class LoadGenerator:
    """Sends requests to the service for a number of seconds."""

    def __init__(self, client: httpx.AsyncClient, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def scrape(self) -> LessonScrape:
        """Scrape the service."""
        return LessonScrape((await self._client.get("/metrics")).text)

    async def run(self, *functions: RequestFunction, at_least: int = 1) -> ScrapeDelta:
        """Send each request with four clients, and return what changed in the metrics.

        Each client sends ``at_least`` so many requests, also if that takes longer.
        """
        before = await self.scrape()
        until = time.monotonic() + self._seconds
        await asyncio.gather(
            *(
                self._repeat(function, until, at_least)
                for function in functions
                for _ in range(CLIENTS)
            )
        )
        return ScrapeDelta(before, await self.scrape())

    async def warm_up(self, function: RequestFunction) -> None:
        """Send one request with each client, so that a pool has opened its connections."""
        await asyncio.gather(*(function(self._client, number) for number in range(CLIENTS)))

    async def _repeat(self, function: RequestFunction, until: float, at_least: int) -> None:
        for number in itertools.count():
            if number >= at_least and time.monotonic() >= until:
                return
            await function(self._client, number)


def get(path: str) -> RequestFunction:
    """A request for one of 100 paths."""
    return lambda client, number: client.get(f"{path}/{number % 100}")


def sign_up(path: str) -> RequestFunction:
    """A sign-up. Every second one has an invalid age and an invalid address."""
    valid, invalid = {"email": "a@corp.example", "age": 30}, {"email": "a@home.example", "age": 3}
    return lambda client, number: client.post(path, json=invalid if number % 2 else valid)
