"""Lesson 3: input is validated by the database, or by a model."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field, field_validator
from sqlalchemy import text

from database import pool

router = APIRouter()
INSERT = text("INSERT INTO lesson_signups VALUES (:email, :age)")


class UnvalidatedSignup(BaseModel):
    email: str
    age: int


class Signup(BaseModel):
    email: str
    age: Annotated[int, Field(ge=18, le=120)]

    @field_validator("email")
    @classmethod
    def check_domain(cls, email: str) -> str:
        if not email.endswith("@corp.example"):
            raise ValueError("must be an address of the company")
        return email


async def insert(email: str, age: int) -> None:
    async with pool.begin() as connection:
        await connection.execute(INSERT, {"email": email, "age": age})


@router.post("/signup/wrong")
async def wrong(signup: UnvalidatedSignup) -> None:
    await insert(signup.email, signup.age)  # an error of the database becomes a 500


@router.post("/signup/right")
async def right(signup: Signup) -> None:
    await insert(signup.email, signup.age)
