"""A service with a route that holds its event loop, and one whose clients wait for that."""

import os
import time

from fastapi import FastAPI

from sidelight import SidelightMiddleware

app = FastAPI()
app.add_middleware(SidelightMiddleware, slow_request_threshold=0.25)


@app.get("/pid")
async def pid() -> int:
    """This worker's process id."""
    return os.getpid()


@app.get("/hold")
async def hold(seconds: float) -> None:
    """Hold the event loop, and say so on the log."""
    print("holding", flush=True)  # noqa: T201 the test waits for it
    time.sleep(seconds)  # noqa: ASYNC251 on purpose


@app.get("/victim")
async def victim() -> int:
    """Answer at once."""
    return 1


@app.get("/work")
async def work() -> None:
    """Keep the event loop busy for a short time."""
    end = time.perf_counter() + 0.015
    while time.perf_counter() < end:
        pass
