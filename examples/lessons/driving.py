"""Clients that ask the service again and again."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable

import httpx

from page import Between, Scrape

CLIENTS = 4  # as many as there are threads, and fewer than connections

Ask = Callable[[httpx.AsyncClient, int], Awaitable[object]]


class Service:
    """The lessons in a process of their own, and clients for them."""

    def __init__(self, client: httpx.AsyncClient, seconds: float) -> None:
        self._client = client
        self._seconds = seconds

    async def scrape(self) -> Scrape:
        return Scrape((await self._client.get("/metrics")).text)

    async def drive(self, *asks: Ask) -> Between:
        """Ask again and again for a while, each with clients of its own."""
        before = await self.scrape()
        until = time.monotonic() + self._seconds
        await asyncio.gather(*(self._again(ask, until) for ask in asks for _ in range(CLIENTS)))
        return Between(before, await self.scrape())

    async def _again(self, ask: Ask, until: float) -> None:
        for number in itertools.count():
            await ask(self._client, number)
            if time.monotonic() >= until:
                return


def get(path: str) -> Ask:
    return lambda client, number: client.get(f"{path}/{number % 100}")


def sign_up(path: str) -> Ask:
    """Every other one is too young, and of no company."""
    good, bad = {"email": "a@corp.example", "age": 30}, {"email": "a@home.example", "age": 3}
    return lambda client, number: client.post(path, json=bad if number % 2 else good)
