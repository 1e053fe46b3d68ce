"""The metrics of the wrong and of the right way of each lesson."""

import asyncio
import time
from typing import NamedTuple

import httpx

from load_generator import LoadGenerator, get, sign_up

DURATION = "http_server_request_duration_seconds"
SIZE = "http_server_response_body_size_bytes"
WAIT = "db_client_connection_wait_time_seconds"
USE = "db_client_connection_use_time_seconds"
LAG = "asyncio_event_loop_lag_seconds"
BLOCKED = "asyncio_event_loop_blocked_seconds_total"
QUEUE = "fastapi_request_queue_seconds"
OTHER = "/cpu/other"
INVALID = "fastapi_validation_errors_total"


class LessonResult(NamedTuple):
    """One value of a lesson, for both ways."""

    lesson: str
    metric: str
    unit: str
    wrong: float
    right: float


async def pools(load: LoadGenerator) -> list[LessonResult]:
    """Lesson 1."""
    await load.warm_up(get("/pools/right"))
    wrong = await load.run(get("/pools/wrong"))
    right = await load.run(get("/pools/right"))
    pool = "db_client_connection_pool_name"
    waits = [
        wrong.mean(WAIT, **{pool: "without pool"}) * 1000,
        right.mean(WAIT, **{pool: "pool"}) * 1000,
    ]
    means = [
        wrong.mean(DURATION, http_route="/pools/wrong/{customer}") * 1000,
        right.mean(DURATION, http_route="/pools/right/{customer}") * 1000,
    ]
    return [
        LessonResult("1 pools", f"`{WAIT}`, mean", "ms", *waits),
        LessonResult("1 pools", f"`{DURATION}`, mean", "ms", *means),
    ]


async def cpu(load: LoadGenerator) -> list[LessonResult]:
    """Lesson 2. The clients measure the other route too, whose requests wait for the event loop."""
    waits: list[list[float]] = [[], []]
    sides = []
    for side, path in zip(waits, ("/cpu/wrong", "/cpu/right"), strict=True):

        async def other(client: httpx.AsyncClient, _: int, side: list[float] = side) -> None:
            began = time.monotonic()
            await client.get(OTHER)
            side.append(time.monotonic() - began)
            await asyncio.sleep(0.02)

        sides.append(await load.run(get(path), other))
    wrong, right = sides
    blocked = [
        wrong.increase(BLOCKED, http_route="/cpu/wrong/{password}"),
        right.increase(BLOCKED, http_route="/cpu/right/{password}"),
    ]
    lags = [side.mean(LAG) * 1000 for side in sides]
    means = [sum(side) / len(side) * 1000 for side in waits]
    durations = [side.mean(DURATION, http_route=OTHER) * 1000 for side in sides]
    queued = [side.increase(f"{QUEUE}_sum", http_route=OTHER) for side in sides]
    return [
        LessonResult("2 executor", f"`{BLOCKED}` of the route", "s", *blocked),
        LessonResult("2 executor", f"`{LAG}`, mean", "ms", *lags),
        LessonResult("2 executor", "another route, measured by its clients, mean", "ms", *means),
        LessonResult("2 executor", f"`{DURATION}` of that route, mean", "ms", *durations),
        LessonResult("2 executor", f"`{QUEUE}_sum` of that route", "s", *queued),
    ]


async def signup(load: LoadGenerator) -> list[LessonResult]:
    """Lesson 3."""
    wrong = await load.run(sign_up("/signup/wrong"), at_least=8)
    right = await load.run(sign_up("/signup/right"), at_least=8)
    both = (wrong, "/signup/wrong"), (right, "/signup/right")
    pool = {"db_client_connection_pool_name": "pool"}
    status = "http_response_status_code"
    total = [side.increase(f"{DURATION}_count", http_route=route) for side, route in both]
    failed = [
        side.increase(f"{DURATION}_count", http_route=route, **{status: "500"})
        for side, route in both
    ]
    invalid = [side.increase(INVALID, http_route=route) for side, route in both]
    used = [side.increase(f"{USE}_count", **pool) for side, _ in both]
    shares = [
        [100 * part / whole for part, whole in zip(parts, total, strict=True)]
        for parts in (failed, invalid, used)
    ]
    return [
        LessonResult("3 validation", f"`{DURATION}_count` with status 500", "in 100", *shares[0]),
        LessonResult("3 validation", f"`{INVALID}`", "in 100", *shares[1]),
        LessonResult("3 validation", f"`{USE}_count`", "in 100", *shares[2]),
    ]


async def rows(load: LoadGenerator) -> list[LessonResult]:
    """Lesson 4."""
    wrong = await load.run(get("/rows/wrong"))
    right = await load.run(get("/rows/right"))
    sizes = [
        wrong.mean(SIZE, http_route="/rows/wrong/{customer}"),
        right.mean(SIZE, http_route="/rows/right/{customer}"),
    ]
    return [LessonResult("4 response model", f"`{SIZE}`, mean", "bytes", *sizes)]
