"""Lesson 2: work for the processor on the event loop, and in an executor."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter

from sidelight import watch

router = APIRouter()
ROUNDS = 1_000_000
executor = watch(ThreadPoolExecutor(4), name="hashing")


def digest(password: str) -> str:
    """A fraction of a second of work. It lets go of the GIL: plain Python would need processes."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", ROUNDS).hex()


@router.get("/cpu/wrong/{password}")
async def wrong(password: str) -> str:
    return digest(password)  # `async` in front of it makes nothing faster


@router.get("/cpu/right/{password}")
async def right(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(executor, digest, password)


@router.get("/cpu/neighbour")
async def neighbour() -> str:
    """A request that has nothing to do with either."""
    return "hello"
