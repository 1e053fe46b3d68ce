"""Lesson 1: a connection made for every request, and a pool that hands one out."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from database import each_its_own, pool

router = APIRouter()
NAME = text("SELECT name FROM lesson_customers WHERE id = :id")


@router.get("/pools/wrong/{customer}")
async def wrong(customer: int) -> str:
    async with each_its_own.connect() as connection:  # opened here, closed at the end
        return str(await connection.scalar(NAME, {"id": customer}))


async def borrowed() -> AsyncIterator[AsyncConnection]:
    async with pool.connect() as connection:  # handed out, and given back
        yield connection


@router.get("/pools/right/{customer}")
async def right(customer: int, connection: Annotated[AsyncConnection, Depends(borrowed)]) -> str:
    return str(await connection.scalar(NAME, {"id": customer}))
