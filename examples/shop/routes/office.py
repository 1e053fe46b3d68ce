"""The back office: a slow report in a thread, work in an executor, and a chat."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor

from fastapi import APIRouter, BackgroundTasks, WebSocket, WebSocketDisconnect

import stock
from sidelight import watch

router = APIRouter(prefix="/office", tags=["office"])
counters = watch(ThreadPoolExecutor(2), name="counters")


@router.get("/sales")
def sales() -> dict[str, int]:
    """Block the thread as a large query does, sometimes for more than a second."""
    time.sleep(random.uniform(1.05, 1.8) if stock.chance(0.25) else random.uniform(0.2, 0.6))
    items = [item for order in list(stock.orders.values()) for item in order.items]
    return {"orders": len(stock.orders), "cents": stock.total(items)}


def count() -> None:
    time.sleep(random.uniform(0.5, 1.5))


async def recount() -> None:
    await asyncio.get_running_loop().run_in_executor(counters, count)


@router.post("/recount", status_code=202)
async def start_recount(tasks: BackgroundTasks) -> dict[str, str]:
    tasks.add_task(recount)
    return {"status": "accepted"}


@router.websocket("/chat/{room}")
async def chat(socket: WebSocket, room: str) -> None:
    await socket.accept()
    try:
        while True:
            question = await socket.receive_text()
            await stock.query_database(30)
            await socket.send_text(f"{room}: about {question[:40]!r}, please wait")
    except WebSocketDisconnect:
        return
