"""The database: the PostgreSQL of LESSONS_DSN, or an SQLite file."""

import os
import tempfile
from pathlib import Path

from sqlalchemy import AsyncAdaptedQueuePool, NullPool, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from sidelight import watch

CUSTOMERS = 100
LOCK_TIMEOUT = 60.0  # seconds; SQLite allows one writer at a time, and has no queue of writers
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
    """The address of the database for SQLAlchemy."""
    given = os.environ.get("LESSONS_DSN")
    if given:
        return given.replace("postgresql://", "postgresql+asyncpg://", 1)
    return f"sqlite+aiosqlite:///{FILE}?timeout={LOCK_TIMEOUT}"


URL = address()
without_pool: AsyncEngine = create_async_engine(URL, poolclass=NullPool)
# Each request is one statement. In a transaction, a statement that fails would keep SQLite's lock
# in older drivers until its cursor is collected.
pool: AsyncEngine = create_async_engine(
    URL,
    poolclass=AsyncAdaptedQueuePool,
    pool_size=5,
    max_overflow=0,
    isolation_level="AUTOCOMMIT",
)
watch(without_pool, name="without pool")
watch(pool, name="pool")


async def create_tables() -> None:
    """Create the tables and insert the customers."""
    async with without_pool.begin() as connection:
        for statement in TABLES.split(";"):
            await connection.execute(text(statement))
        for number in range(CUSTOMERS):
            row = {"id": number, "name": f"Customer {number}", "email": f"{number}@corp.example"}
            row |= {"password_hash": "5e88" * 16, "notes": NOTES}
            await connection.execute(CUSTOMER, row)


async def close() -> None:
    """Close every connection, and delete the SQLite file."""
    await pool.dispose()
    await without_pool.dispose()
    FILE.unlink(missing_ok=True)
