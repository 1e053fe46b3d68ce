"""Lesson 2: CPU-bound work on the event loop, and in an executor."""

import asyncio
import hashlib
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter

from sidelight import watch

router = APIRouter()
ROUNDS = 1_000_000
executor = watch(ThreadPoolExecutor(4), name="hashing")


def digest(password: str) -> str:
    """Work of a fraction of a second. It releases the GIL; Python code would need processes."""
    return hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", ROUNDS).hex()


@router.get("/cpu/wrong/{password}")
async def wrong(password: str) -> str:
    return digest(password)  # `async` does not make this faster


@router.get("/cpu/right/{password}")
async def right(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(executor, digest, password)


@router.get("/cpu/other")
async def other() -> str:
    """A route without CPU-bound work."""
    return "hello"
