"""Lesson 5: the cost and the results of timing, in this process and without a network."""

import asyncio
import time
from collections.abc import Iterator

from starlette.types import ASGIApp, Message

import timing
from measurements import DURATION, LessonResult
from scrape import LessonScrape

ROUNDS = 40
REQUESTS = 50  # of a round


async def timings() -> list[LessonResult]:
    """The results of the lesson."""
    untimed, wrong, right = await cpu_times()
    added = wrong - untimed, right - untimed
    return [
        LessonResult("5 timing", f"CPU added to {untimed:.0f} µs a request", "µs", *added),
        LessonResult(
            "5 timing", f"measured of a stream of {timing.STREAMED} s", "s", *await stream_times()
        ),
    ]


async def cpu_times() -> Iterator[float]:
    """Microseconds of CPU per request of each service, in alternating rounds."""
    apps: list[ASGIApp] = [timing.untimed, timing.wrong, timing.right]
    seconds = [0.0, 0.0, 0.0]
    for number in range(ROUNDS + 1):
        for at, app in enumerate(apps):
            began = time.process_time()
            for _ in range(REQUESTS):
                await call(app, "/items/1")
            seconds[at] += (
                (time.process_time() - began) if number else 0.0
            )  # the first is a warm-up
    return (each / ROUNDS / REQUESTS * 1e6 for each in seconds)


async def stream_times() -> tuple[float, float]:
    """The seconds that each middleware measures of a stream."""
    timing.measured.clear()
    await call(timing.wrong, "/stream")
    await call(timing.right, "/stream")
    scrape = LessonScrape((await call(timing.right, "/metrics")).decode())
    return timing.measured[0], scrape.value(f"{DURATION}_sum", http_route="/stream")


async def call(app: ASGIApp, path: str) -> bytes:
    """Send one request to an application, without a server."""
    scope = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "headers": [], "scheme": "http", "root_path": ""}
    waiting: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]
    body: list[bytes] = []

    async def receive() -> Message:
        if not waiting:
            await asyncio.Event().wait()  # the client does not disconnect
        return waiting.pop()

    async def send(message: Message) -> None:
        body.append(message.get("body", b""))

    await app(scope, receive, send)
    return b"".join(body)
