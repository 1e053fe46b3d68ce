"""Orders: a checkout with a background task, and two streams."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Depends, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

import bank
import stock
from sidelight import timed
from stock import Item, Order

router = APIRouter(prefix="/orders", tags=["orders"])


class Checkout(BaseModel):
    user: str = Field(pattern=r"^u\d+$")
    items: list[Item] = Field(min_length=1, max_length=10)
    coupon: str = Field("", max_length=20)


@timed(name="find order")
def find_order(order_id: int) -> Order:
    if order_id not in stock.orders:
        raise HTTPException(404, "no such order")
    return stock.orders[order_id]


FoundOrder = Annotated[Order, Depends(find_order)]


def discount(coupon: str) -> int:
    """The percentage at the end of a coupon. FREESHIPPING has none, and raises ValueError."""
    return int(coupon[-2:]) if coupon else 0


async def confirm(order: Order) -> None:
    """Send a receipt after the response."""
    await stock.query_database(100 + 20 * len(order.items))


@router.post("/checkout", status_code=201)
async def checkout(wanted: Checkout, tasks: BackgroundTasks) -> Order:
    if any(item.product_id not in stock.products for item in wanted.items):
        raise HTTPException(404, "no such product")
    percent = discount(wanted.coupon)
    (await bank.client.post("/charges")).raise_for_status()
    order = stock.place(wanted.user, wanted.items, percent)
    tasks.add_task(confirm, order)
    return order


@router.get("")
async def orders(user: str) -> list[Order]:
    await stock.query_database(15)
    return [order for order in stock.orders.values() if order.user == user][:20]


@router.get("/{order_id}")
async def order(order: FoundOrder) -> Order:
    await stock.query_database(5)
    return order


@router.post("/{order_id}/cancel")
async def cancel(order: FoundOrder) -> Order:
    await stock.query_database(20)
    if order.status == "shipped":
        raise HTTPException(409, "already shipped")
    order.status = "cancelled"
    return order


@router.get("/{order_id}/invoice")
async def invoice(order: FoundOrder) -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for item in order.items:
            await stock.query_database(10)
            yield f"{item.quantity},{stock.products[item.product_id].name}\n"
        yield f"total,{stock.total(order.items) / 100:.2f}\n"

    return StreamingResponse(lines(), media_type="text/csv")


@router.get("/{order_id}/events")
async def events(order: FoundOrder) -> StreamingResponse:
    """Server-sent events about a parcel, for about two seconds."""

    async def parcel() -> AsyncIterator[str]:
        for step in ("packed", "collected", "sorted", "on the van", "delivered"):
            yield f"event: parcel\ndata: order {order.id} {step}\n\n"
            await asyncio.sleep(0.4)

    return StreamingResponse(parcel(), media_type="text/event-stream")
