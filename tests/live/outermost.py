"""A service whose outermost application is the middleware itself, as the server sees it."""

import os

from fastapi import FastAPI

from sidelight import SidelightMiddleware

service = FastAPI()
app = SidelightMiddleware(service)


@service.get("/pid")
async def pid() -> int:
    return os.getpid()


@service.get("/items/{item_id}")
async def read(item_id: int) -> int:
    return item_id
