"""Lesson 5: requests timed by a BaseHTTPMiddleware, by Sidelight, and not at all."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sidelight import SidelightMiddleware

SLOW = 1.0
STREAMED = 0.3
logger = logging.getLogger(__name__)
measured: list[float] = []
"""The seconds that the BaseHTTPMiddleware measured."""


async def chunks() -> AsyncIterator[str]:
    for _ in range(3):
        await asyncio.sleep(STREAMED / 3)
        yield "chunk"


async def item(item: int) -> dict[str, int]:
    return {"item": item}


async def stream() -> StreamingResponse:
    return StreamingResponse(chunks())


def service() -> FastAPI:
    app = FastAPI()
    app.get("/items/{item}")(item)
    app.get("/stream")(stream)
    return app


class TimingMiddleware(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        began = time.perf_counter()
        response = await call_next(request)  # returns when the response starts, not when it ends
        measured.append(seconds := time.perf_counter() - began)
        if seconds > SLOW:
            logger.warning("slow: %s took %.3f s", request.url.path, seconds)
        return response


untimed = service()

wrong = service()
wrong.add_middleware(TimingMiddleware)

right = service()
right.add_middleware(SidelightMiddleware)
