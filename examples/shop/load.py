"""A load generator for the shop: `python load.py http://127.0.0.1:8000 --rate 80 --seconds 60`.

It sends requests to this machine only. With --profiles it reads the names of load profiles from
its standard input, one a line, and ends with it.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import random
import sys
from collections.abc import Awaitable, Callable

import httpx

import traffic

CLIENTS = 40
CHAT_CLIENTS = 3
CHAT_INTERVAL = 2.0  # seconds
MAX_RATE = 500.0  # requests per second


class RequestBudget:
    """The number of requests that may still be sent."""

    def __init__(self, requests: int) -> None:
        self.requests = requests
        self.sent = 0

    def spend(self) -> bool:
        """Count one request. Returns False if the budget is spent."""
        if self.sent >= self.requests:
            return False
        self.sent += 1
        return True


def loopback_url(url: str) -> httpx.URL:
    """`url`, if its host is a loopback address. Raises ValueError otherwise, also for a name."""
    parsed = httpx.URL(url)
    with contextlib.suppress(ValueError):
        if parsed.scheme == "http" and ipaddress.ip_address(parsed.host).is_loopback:
            return parsed
    raise ValueError(f"the load goes to http://127.0.0.1:PORT only, not to {url!r}")


class LoadProfile:
    """The load profile that is used now."""

    def __init__(self) -> None:
        self.name = "normal"

    async def follow(self, lines: asyncio.StreamReader) -> None:
        """Use each profile that is read, until the input ends. Raises KeyError."""
        while line := await lines.readline():
            name = line.decode().strip()
            traffic.profiles()[name]
            self.name = name


async def generate_load(
    url: str,
    budget: RequestBudget,
    seconds: float,
    rate: float = 80.0,
    profile: LoadProfile | None = None,
) -> None:
    """Send about `rate` requests a second until the seconds are over or the budget is spent."""
    used = profile or LoadProfile()
    base = loopback_url(url)
    interval = CLIENTS / min(rate, MAX_RATE)
    end = asyncio.get_running_loop().time() + seconds
    with contextlib.suppress(TimeoutError):
        # No proxy of the environment and no redirect: no request leaves the machine.
        async with (
            asyncio.timeout_at(end),
            httpx.AsyncClient(base_url=base, trust_env=False, timeout=15) as client,
            asyncio.TaskGroup() as group,
        ):
            for _ in range(CLIENTS):
                group.create_task(
                    _repeat(lambda: traffic.send_request(client, used.name), budget, interval, end)
                )
            for _ in range(CHAT_CLIENTS):
                group.create_task(_repeat(lambda: traffic.chat(base), budget, CHAT_INTERVAL, end))


async def _repeat(
    request: Callable[[], Awaitable[None]], budget: RequestBudget, interval: float, end: float
) -> None:
    """Send requests at random times with a mean interval, or later if they take longer.

    It ends by itself too: a request may suppress its cancellation, as `asyncio.wait_for` does in
    Python 3.11 where the awaited result is there at the same time.
    """
    clock = asyncio.get_running_loop().time
    due = clock()
    while clock() < end:
        due = max(due + random.expovariate(1 / interval), clock())
        await asyncio.sleep(due - clock())
        if clock() >= end or not budget.spend():
            return
        with contextlib.suppress(*traffic.FAILURES):
            await request()


async def generate_profiled_load(
    url: str, budget: RequestBudget, seconds: float, rate: float
) -> None:
    """Send requests of the profiles that are read, until the input ends."""
    profile, lines = LoadProfile(), asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    load = asyncio.ensure_future(generate_load(url, budget, seconds, rate, profile))
    reader = asyncio.ensure_future(profile.follow(lines))
    done, others = await asyncio.wait((load, reader), return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


def main() -> None:
    """Parse the command line and generate the load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", nargs="?", default="http://127.0.0.1:8000")
    parser.add_argument("--rate", type=float, default=80.0, help="requests per second (80)")
    parser.add_argument("--seconds", type=float, default=60.0, help="the most seconds (60)")
    parser.add_argument("--requests", type=int, default=20_000, help="the most requests (20000)")
    parser.add_argument("--profiles", action="store_true", help="read profiles from standard input")
    given = parser.parse_args()
    try:
        url = str(loopback_url(given.url))
    except ValueError as error:
        parser.error(str(error))
    budget = RequestBudget(given.requests)
    with contextlib.suppress(KeyboardInterrupt):
        run = generate_profiled_load if given.profiles else generate_load
        asyncio.run(run(url, budget, given.seconds, given.rate))
    print(f"{budget.sent} requests and conversations")


if __name__ == "__main__":
    main()
