"""A service whose requests do not end by themselves, on asyncio or Trio."""

import os
from collections.abc import AsyncIterator
from typing import Any

import anyio
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware

from sidelight import SidelightMiddleware

app = FastAPI()


async def pass_on(request: Request, call_next: Any) -> Any:
    return await call_next(request)


inside = bool(os.environ.get("INSIDE"))
if inside:
    app.add_middleware(SidelightMiddleware)
app.add_middleware(BaseHTTPMiddleware, dispatch=pass_on)
if not inside:
    app.add_middleware(SidelightMiddleware)


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


@app.get("/wait")
async def wait() -> None:
    await anyio.sleep_forever()


@app.get("/events")
async def events() -> StreamingResponse:
    async def pieces() -> AsyncIterator[str]:
        while True:
            yield "data: x\n\n"
            await anyio.sleep(0.05)

    return StreamingResponse(pieces(), media_type="text/event-stream")
