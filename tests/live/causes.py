"""A service that does wrong what can be done wrong: it holds its loop, its GIL, its threads."""

import asyncio
import ctypes
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from sidelight import SidelightMiddleware

jobs: asyncio.Queue[float] = asyncio.Queue()
calls: asyncio.Queue[float] = asyncio.Queue()
started: list[asyncio.Task[None]] = []
released = threading.Event()


async def _run(queue: asyncio.Queue[float]) -> None:
    """What is put into a queue runs in this task, and blocks the loop."""
    while True:
        time.sleep(await queue.get())  # noqa: ASYNC251 that is what is wrong here
        queue.task_done()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        job = group.create_task(_run(jobs))
        yield
        for task in (job, *started):
            task.cancel()


app = FastAPI(lifespan=lifespan)


async def between(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Runs what is inside in a task of its own."""
    return await call_next(request)


app.add_middleware(BaseHTTPMiddleware, dispatch=between)
app.add_middleware(SidelightMiddleware)


@app.get("/pid")
async def pid() -> int:
    return 1


for number in range(9):

    @app.get(f"/wait/{number}/{{x}}")
    async def wait(x: int) -> int:
        await asyncio.sleep(0.4)
        return x


def prepare() -> None:
    time.sleep(0.2)


def work() -> None:
    time.sleep(1.3)


@app.get("/hold/{x}")
async def hold(x: int) -> int:
    prepare()
    work()
    return x


@app.get("/hold-long")
async def hold_long() -> int:
    os.close(os.open(os.environ["HOLD"], os.O_RDONLY))  # until the test opens it too
    return 1


@app.get("/gil/{seconds}")
async def gil(seconds: float) -> float:
    ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))
    for _ in range(1000):
        pass  # where the interpreter may let others run
    return seconds


def spin(seconds: float) -> None:
    """Use a processor for so long, in bytecode: other threads can get the GIL in between."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@app.get("/burn/{seconds}")
def burn(seconds: float) -> float:
    spin(seconds)
    return seconds


@app.get("/spin/{seconds}")
async def spin_on_loop(seconds: float) -> float:
    spin(seconds)
    return seconds


@app.get("/sum/{millions}")
def add_up(millions: int) -> int:
    """One call of a function of C, which keeps the GIL until it returns."""
    return sum(range(millions * 1_000_000))


@app.get("/thread")
def thread() -> int:
    released.wait()
    return 1


@app.post("/release")
async def release() -> None:
    """Let all threads go on."""
    released.set()


@app.get("/later")
async def later() -> int:
    jobs.put_nowait(1.5)
    return 1


@app.get("/session")
async def session() -> int:
    """Starts a task that runs what other requests ask for."""
    started.append(asyncio.create_task(_run(calls)))
    return 1


@app.get("/call")
async def call() -> int:
    calls.put_nowait(1.5)
    await calls.join()
    return 1
