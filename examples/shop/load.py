"""A bounded crowd of shoppers: `python load.py http://127.0.0.1:8000 --rate 80 --seconds 60`.

Aims at this machine only, whatever it is told. With --moods it reads what shoppers are up to from
its standard input, a word a line, and ends with it.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import random
import sys
from collections.abc import Awaitable, Callable

import httpx

import visits

SHOPPERS = 40
CHATTERS = 3
MOST = 500.0  # requests per second


class Budget:
    """How many requests may still be sent. Whoever is about to send one asks first."""

    def __init__(self, requests: int) -> None:
        self.requests = requests
        self.sent = 0

    def spend(self) -> bool:
        if self.sent >= self.requests:
            return False
        self.sent += 1
        return True


def loopback(url: str) -> httpx.URL:
    """`url`, if its host is a loopback address. Raises ValueError for all else, names included."""
    parsed = httpx.URL(url)
    with contextlib.suppress(ValueError):
        if parsed.scheme == "http" and ipaddress.ip_address(parsed.host).is_loopback:
            return parsed
    raise ValueError(f"the load goes to http://127.0.0.1:PORT only, not to {url!r}")


class Mood:
    """What the shoppers are up to now."""

    def __init__(self) -> None:
        self.now = "calm"

    async def follow(self, words: asyncio.StreamReader) -> None:
        """Take on each mood that is read, to the end of the words. Raises KeyError."""
        while line := await words.readline():
            mood = line.decode().strip()
            visits.moods()[mood]
            self.now = mood


async def crowd(
    url: str, budget: Budget, seconds: float, rate: float = 80.0, mood: Mood | None = None
) -> None:
    """About `rate` requests a second until the seconds are over or the budget is spent."""
    mood = mood or Mood()
    base = loopback(url)
    think = SHOPPERS / min(rate, MOST)
    with contextlib.suppress(TimeoutError):
        # No proxy from the environment and no redirect: nothing leaves the machine.
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(base_url=base, trust_env=False, timeout=15) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(SHOPPERS):
                group.create_task(_repeat(lambda: visits.one(client, mood.now), budget, think))
            for _ in range(CHATTERS):
                group.create_task(_repeat(lambda: visits.chat(base), budget, 2.0))


async def _repeat(visit: Callable[[], Awaitable[None]], budget: Budget, think: float) -> None:
    """Visits at random moments, `think` seconds apart in the mean unless they take longer."""
    clock = asyncio.get_running_loop().time
    due = clock()
    while True:
        due = max(due + random.expovariate(1 / think), clock())
        await asyncio.sleep(due - clock())
        if not budget.spend():
            return
        with contextlib.suppress(*visits.FAILURES):
            await visit()


async def moody(url: str, budget: Budget, seconds: float, rate: float) -> None:
    """The crowd, in the moods that are read; it ends with them."""
    mood, words = Mood(), asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(words), sys.stdin
    )
    shopping = asyncio.ensure_future(crowd(url, budget, seconds, rate, mood))
    following = asyncio.ensure_future(mood.follow(words))
    done, others = await asyncio.wait((shopping, following), return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--rate", type=float, default=80.0, help="requests per second (80)")
    parser.add_argument("--seconds", type=float, default=60.0, help="at most so long (60)")
    parser.add_argument("--requests", type=int, default=20_000, help="at most so many (20000)")
    parser.add_argument("--moods", action="store_true", help="read moods from standard input")
    given = parser.parse_args()
    try:
        url = str(loopback(given.url))
    except ValueError as error:
        parser.error(str(error))
    budget = Budget(given.requests)
    with contextlib.suppress(KeyboardInterrupt):
        run = moody if given.moods else crowd
        asyncio.run(run(url, budget, given.seconds, given.rate))
    print(f"{budget.sent} requests and conversations")


if __name__ == "__main__":
    main()
