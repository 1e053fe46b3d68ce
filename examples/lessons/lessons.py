"""A service that does four things wrong and right, which one middleware measures."""

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
    await database.create_tables()
    yield
    await database.close()


app = FastAPI(title="Lessons", lifespan=lifespan)
for part in (pools, cpu, signup, rows):
    app.include_router(part.router)
app.add_middleware(SidelightMiddleware)
