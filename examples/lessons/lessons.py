"""A service that does four things wrong and right, side by side, measured by one line."""

import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

import cpu
import database
import pools
import rows
import signup
from sidelight import SidelightMiddleware


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    await database.fill()
    yield
    await database.leave()


app = FastAPI(title="Lessons", lifespan=lifespan)
for part in (pools, cpu, signup, rows):
    app.include_router(part.router)
app.add_middleware(SidelightMiddleware)
