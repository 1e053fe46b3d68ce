"""A service with requests, objects and metrics that end when they are told to."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from fastapi import FastAPI, WebSocket
from prometheus_client import Gauge

from sidelight import SidelightMiddleware, watch

app = FastAPI()
app.add_middleware(SidelightMiddleware)
released = asyncio.Event()
executor = watch(ThreadPoolExecutor(1), name="letters")
ORDERS = Gauge("shop_open_orders", "Open orders.", ["kind"])
ORDERS.labels("gift").set(3)
ORDERS.labels("plain").set(5)


@app.get("/pid")
async def pid() -> int:
    return os.getpid()


@app.get("/wait/{name}")
async def wait(name: str) -> str:
    await released.wait()
    return name


@app.websocket("/chat")
async def chat(websocket: WebSocket) -> None:
    await websocket.accept()
    await released.wait()
    await websocket.close()


@app.post("/release")
async def release() -> None:
    """End each request and connection that waits."""
    released.set()


@app.post("/leave")
async def leave() -> None:
    """Shut the executor down, and forget one of the gauges."""
    executor.shutdown()
    ORDERS.remove("gift")
