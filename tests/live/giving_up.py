"""A service whose answers wait until they are released, so that clients can leave before."""

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
    released = asyncio.Event()
    if place == "inside":
        made.add_middleware(BaseHTTPMiddleware, dispatch=between)
    made.add_middleware(SidelightMiddleware)
    if place == "outside":
        made.add_middleware(BaseHTTPMiddleware, dispatch=between)

    @made.get("/pid")
    async def pid() -> int:
        return 1

    @made.get("/quick/{x}")
    async def quick(x: int) -> int:
        await asyncio.sleep(0.1)
        return x

    @made.get("/wait")
    async def wait() -> int:
        await released.wait()
        return 1

    @made.get("/fail")
    async def fail() -> Response:
        await released.wait()
        return Response("no database", 503)

    @made.post("/release")
    async def release() -> None:
        """Answer what waits now."""
        released.set()
        released.clear()

    @made.api_route("/announced/{seconds}", methods=["GET", "HEAD"])
    async def announced(seconds: float) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"whole"
            await asyncio.sleep(seconds)

        return StreamingResponse(pieces(), headers={"content-length": "5"})

    return made


bare, inside, outside = map(service, ("bare", "inside", "outside"))
