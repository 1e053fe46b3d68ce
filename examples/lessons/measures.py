"""What each lesson's metric says of the wrong way and of the right one."""

import asyncio
import time
from typing import NamedTuple

import httpx

from driving import Service, get, sign_up

DURATION = "http_server_request_duration_seconds"
SIZE = "http_server_response_body_size_bytes"
WAIT = "db_client_connection_wait_time_seconds"
USE = "db_client_connection_use_time_seconds"
LAG = "asyncio_event_loop_lag_seconds"
BLOCKED = "asyncio_event_loop_blocked_seconds_total"
INVALID = "fastapi_validation_errors_total"


class Row(NamedTuple):
    """One figure of a lesson, of both ways."""

    lesson: str
    figure: str
    unit: str
    wrong: float
    right: float


async def pools(service: Service) -> list[Row]:
    wrong = await service.drive(get("/pools/wrong"))
    right = await service.drive(get("/pools/right"))
    pool = "db_client_connection_pool_name"
    waits = [
        wrong.mean(WAIT, **{pool: "each its own"}) * 1000,
        right.mean(WAIT, **{pool: "pool"}) * 1000,
    ]
    means = [
        wrong.mean(DURATION, http_route="/pools/wrong/{customer}") * 1000,
        right.mean(DURATION, http_route="/pools/right/{customer}") * 1000,
    ]
    return [
        Row("1 pools", f"`{WAIT}`, mean", "ms", *waits),
        Row("1 pools", f"`{DURATION}`, mean", "ms", *means),
    ]


async def cpu(service: Service) -> list[Row]:
    """A neighbour waits before it arrives, so its own duration says nothing: its client knows."""
    waits: list[list[float]] = [[], []]
    sides = []
    for side, path in zip(waits, ("/cpu/wrong", "/cpu/right"), strict=True):

        async def neighbour(client: httpx.AsyncClient, _: int, side: list[float] = side) -> None:
            began = time.monotonic()
            await client.get("/cpu/neighbour")
            side.append(time.monotonic() - began)
            await asyncio.sleep(0.02)

        sides.append(await service.drive(get(path), neighbour))
    wrong, right = sides
    held = [
        wrong.grew(BLOCKED, http_route="/cpu/wrong/{password}"),
        right.grew(BLOCKED, http_route="/cpu/right/{password}"),
    ]
    lags = [side.mean(LAG) * 1000 for side in sides]
    means = [sum(side) / len(side) * 1000 for side in waits]
    return [
        Row("2 executor", f"`{BLOCKED}` of the route", "s", *held),
        Row("2 executor", f"`{LAG}`, mean", "ms", *lags),
        Row("2 executor", "a neighbour as its client sees it, mean", "ms", *means),
    ]


async def signup(service: Service) -> list[Row]:
    wrong = await service.drive(sign_up("/signup/wrong"))
    right = await service.drive(sign_up("/signup/right"))
    both = (wrong, "/signup/wrong"), (right, "/signup/right")
    pool = {"db_client_connection_pool_name": "pool"}
    status = "http_response_status_code"
    total = [side.grew(f"{DURATION}_count", http_route=route) for side, route in both]
    failed = [
        side.grew(f"{DURATION}_count", http_route=route, **{status: "500"}) for side, route in both
    ]
    invalid = [side.grew(INVALID, http_route=route) for side, route in both]
    used = [side.grew(f"{USE}_count", **pool) for side, _ in both]
    shares = [
        [100 * part / whole for part, whole in zip(parts, total, strict=True)]
        for parts in (failed, invalid, used)
    ]
    return [
        Row("3 validation", f"`{DURATION}_count` with status 500", "in 100", *shares[0]),
        Row("3 validation", f"`{INVALID}`", "in 100", *shares[1]),
        Row("3 validation", f"`{USE}_count`", "in 100", *shares[2]),
    ]


async def rows(service: Service) -> list[Row]:
    wrong = await service.drive(get("/rows/wrong"))
    right = await service.drive(get("/rows/right"))
    sizes = [
        wrong.mean(SIZE, http_route="/rows/wrong/{customer}"),
        right.mean(SIZE, http_route="/rows/right/{customer}"),
    ]
    return [Row("4 response model", f"`{SIZE}`, mean", "bytes", *sizes)]
