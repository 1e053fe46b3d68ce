"""Where customers are: PostgreSQL if LESSONS_DSN names one, and else a file of SQLite's."""

import os
import tempfile
from pathlib import Path

from sqlalchemy import AsyncAdaptedQueuePool, NullPool, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from sidelight import watch

CUSTOMERS = 100
PATIENCE = 60.0  # seconds; SQLite lets one write at a time, and keeps no queue of who waits
NOTES = "Prefers to be called in the morning. " * 100
TABLES = """
DROP TABLE IF EXISTS lesson_customers;
DROP TABLE IF EXISTS lesson_signups;
CREATE TABLE lesson_customers (
    id INTEGER PRIMARY KEY, name TEXT, email TEXT, password_hash TEXT, notes TEXT
);
CREATE TABLE lesson_signups (
    email TEXT CHECK (email LIKE '%@corp.example'), age INTEGER CHECK (age BETWEEN 18 AND 120)
)
"""
CUSTOMER = text("INSERT INTO lesson_customers VALUES (:id, :name, :email, :password_hash, :notes)")
FILE = Path(tempfile.gettempdir()) / f"lessons-{os.getpid()}.sqlite"


def address() -> str:
    """SQLAlchemy's address of the database."""
    given = os.environ.get("LESSONS_DSN")
    if given:
        return given.replace("postgresql://", "postgresql+asyncpg://", 1)
    return f"sqlite+aiosqlite:///{FILE}?timeout={PATIENCE}"


URL = address()
each_its_own: AsyncEngine = create_async_engine(URL, poolclass=NullPool)
# A request is one statement. One that fails would keep SQLite's lock in older drivers, until its
# cursor is collected, if there were a transaction around it.
pool: AsyncEngine = create_async_engine(
    URL,
    poolclass=AsyncAdaptedQueuePool,
    pool_size=5,
    max_overflow=0,
    isolation_level="AUTOCOMMIT",
)
watch(each_its_own, name="each its own")
watch(pool, name="pool")


async def fill() -> None:
    async with each_its_own.begin() as connection:
        for statement in TABLES.split(";"):
            await connection.execute(text(statement))
        for number in range(CUSTOMERS):
            row = {"id": number, "name": f"Customer {number}", "email": f"{number}@corp.example"}
            row |= {"password_hash": "5e88" * 16, "notes": NOTES}
            await connection.execute(CUSTOMER, row)


async def leave() -> None:
    await pool.dispose()
    FILE.unlink(missing_ok=True)
