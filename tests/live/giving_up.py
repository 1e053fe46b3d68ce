"""A service whose answers take a while, bare and within a middleware: clients leave before."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from sidelight import SidelightMiddleware


async def between(request: Request, call_next: RequestResponseEndpoint) -> Response:
    """Runs what is inside in a task of its own."""
    return await call_next(request)


def service(place: str) -> FastAPI:
    """The routes, with a middleware ``inside`` or ``outside`` of Sidelight, or with none."""
    made = FastAPI()
    if place == "inside":
        made.add_middleware(BaseHTTPMiddleware, dispatch=between)
    made.add_middleware(SidelightMiddleware)
    if place == "outside":
        made.add_middleware(BaseHTTPMiddleware, dispatch=between)

    @made.get("/pid")
    async def pid() -> int:
        return 1

    @made.get("/hold/{seconds}")
    async def hold(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    @made.get("/fail/{seconds}")
    async def fail(seconds: float) -> Response:
        await asyncio.sleep(seconds)
        return Response("no database", 503)

    @made.api_route("/announced/{seconds}", methods=["GET", "HEAD"])
    async def announced(seconds: float) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"whole"
            await asyncio.sleep(seconds)

        return StreamingResponse(pieces(), headers={"content-length": "5"})

    return made


bare, inside, outside = map(service, ("bare", "inside", "outside"))
