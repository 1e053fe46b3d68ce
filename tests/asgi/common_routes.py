"""A service with each kind of route whose requests are common: one handler for all of them."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import PlainTextResponse, Response

from sidelight import SidelightMiddleware

RESPONSE = PlainTextResponse("hello")
PATHS = [
    "/direct/1",
    "/direct/1/second",
    "/first/leaf/1",
    "/second/1/leaf/1",
    "/mounted/leaf/1",
    "/mounted/included/leaf/1",
]


class Views:
    """One object, whose method is on several routes."""

    async def show(self) -> Response:
        return RESPONSE


def service(**options: Any) -> FastAPI:
    """Routes that have a route object in the scope, directly, included and mounted."""
    router, inner, show = APIRouter(), FastAPI(), Views().show
    for app in (router, inner):
        app.get("/leaf/{x}")(show)
    inner.include_router(router, prefix="/included")
    whole = FastAPI()
    for path in ("/direct/{x}", "/direct/{x}/second"):
        whole.get(path)(show)
    for prefix in ("/first", "/second/{y}"):
        whole.include_router(router, prefix=prefix)
    whole.mount("/mounted", inner)

    @whole.post("/upload")
    async def upload(request: Request) -> int:
        return len(await request.body())

    whole.add_middleware(SidelightMiddleware, phase_sample_interval=0, **options)
    return whole
