"""Lesson 4: a response with a whole row, and one with the fields of a response model."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import text

from database import pool

router = APIRouter()
ROW = text("SELECT * FROM lesson_customers WHERE id = :id")


class Customer(BaseModel):
    id: int
    name: str
    email: str


async def row(customer: int) -> dict[str, Any]:
    async with pool.connect() as connection:
        found = await connection.execute(ROW, {"id": customer})
        return dict(found.mappings().one())


@router.get("/rows/wrong/{customer}")
async def wrong(customer: int) -> dict[str, Any]:
    return await row(customer)  # contains the hash of the password


@router.get("/rows/right/{customer}", response_model=Customer)
async def right(customer: int) -> dict[str, Any]:
    return await row(customer)
