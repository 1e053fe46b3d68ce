"""Lesson 1: a new connection for every request, and a connection of a pool."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from database import pool, without_pool

router = APIRouter()
NAME = text("SELECT name FROM lesson_customers WHERE id = :id")


@router.get("/pools/wrong/{customer}")
async def wrong(customer: int) -> str:
    async with without_pool.connect() as connection:  # opens a connection, and closes it at the end
        return str(await connection.scalar(NAME, {"id": customer}))


async def pooled() -> AsyncIterator[AsyncConnection]:
    async with pool.connect() as connection:  # takes a connection, and returns it at the end
        yield connection


@router.get("/pools/right/{customer}")
async def right(customer: int, connection: Annotated[AsyncConnection, Depends(pooled)]) -> str:
    return str(await connection.scalar(NAME, {"id": customer}))
