"""Lesson 3: what a client sends is checked by the database, or by a model at the door."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, field_validator
from sqlalchemy import text

from database import pool

router = APIRouter()
INSERT = text("INSERT INTO lesson_signups VALUES (:email, :age)")


class Anything(BaseModel):
    email: str
    age: int


class Signup(BaseModel):
    email: str
    age: Annotated[int, Field(ge=18, le=120)]

    @field_validator("email")
    @classmethod
    def is_of_a_company(cls, email: str) -> str:
        if not email.endswith("@corp.example"):
            raise ValueError("an address of your company, please")
        return email


async def keep(email: str, age: int) -> None:
    async with pool.begin() as connection:
        await connection.execute(INSERT, {"email": email, "age": age})


@router.post("/signup/wrong")
async def wrong(signup: Anything) -> None:
    await keep(signup.email, signup.age)  # the database refuses, and that is nobody's fault


@router.post("/signup/right")
async def right(signup: Signup) -> None:
    await keep(signup.email, signup.age)
