"""Lesson 5: what timing costs and what it sees, in this process and without a network."""

import asyncio
import time
from collections.abc import Iterator

from starlette.types import ASGIApp, Message

import timing
from measures import DURATION, Row
from page import Scrape

ROUNDS = 40
REQUESTS = 50  # in a round


async def timings() -> list[Row]:
    untimed, wrong, right = await spent()
    added = wrong - untimed, right - untimed
    return [
        Row("5 timing", f"CPU added to {untimed:.0f} µs a request", "µs", *added),
        Row("5 timing", f"seen of a stream of {timing.STREAMED} s", "s", *await seen()),
    ]


async def spent() -> Iterator[float]:
    """Microseconds of CPU a request, of each service; in turns, since a machine has its moods."""
    apps: list[ASGIApp] = [timing.untimed, timing.wrong, timing.right]
    seconds = [0.0, 0.0, 0.0]
    for number in range(ROUNDS + 1):
        for at, app in enumerate(apps):
            began = time.process_time()
            for _ in range(REQUESTS):
                await call(app, "/items/1")
            seconds[at] += (time.process_time() - began) if number else 0.0  # the first warms up
    return (each / ROUNDS / REQUESTS * 1e6 for each in seconds)


async def seen() -> tuple[float, float]:
    """Seconds that either middleware has seen of a stream."""
    timing.timed.clear()
    await call(timing.wrong, "/stream")
    await call(timing.right, "/stream")
    page = Scrape((await call(timing.right, "/metrics")).decode())
    return timing.timed[0], page.value(f"{DURATION}_sum", http_route="/stream")


async def call(app: ASGIApp, path: str) -> bytes:
    """One request, with as little around it as there can be."""
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": [], "scheme": "http", "root_path": ""}
    waiting: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
    body: list[bytes] = []

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()  # the client stays
        return waiting.pop()

    async def send(message: Message) -> None:
        body.append(message.get("body", b""))

    await app(scope, receive, send)
    return b"".join(body)
