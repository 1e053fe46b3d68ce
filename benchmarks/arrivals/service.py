"""A service with routes that keep its event loop busy, and one whose clients wait for that."""

from __future__ import annotations

import os
import time
from pathlib import Path

from fastapi import FastAPI

from sidelight import SidelightMiddleware

STEP = 0.015
"""Seconds."""


def _hold(until: float) -> None:
    """Sleep. A file in the directory ``BENCH_HELD`` says that this worker does."""
    Path(os.environ["BENCH_HELD"], str(os.getpid())).touch()
    time.sleep(max(0.0, until - time.monotonic()))


def service() -> FastAPI:
    """All of its routes."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, slow_request_threshold=60)  # and no log lines

    @app.get("/pid")
    async def pid() -> int:
        return os.getpid()

    @app.get("/hold")
    async def hold(until: float) -> None:
        _hold(until)

    @app.get("/step")
    async def step() -> None:
        end = time.monotonic() + STEP
        while time.monotonic() < end:
            pass

    @app.get("/victim")
    async def victim() -> int:
        return 1

    return app
