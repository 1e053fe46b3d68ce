"""Carts: small writes, and the shipping costs of a carrier that sometimes does not answer."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path

import stock
from stock import Item

User = Annotated[str, Path(pattern=r"^u\d{1,4}$")]

router = APIRouter(prefix="/carts", tags=["carts"])


class CarrierError(Exception):
    """The carrier did not answer. No handler catches this, so the response is 500."""


@router.get("/{user}")
async def cart(user: User) -> dict[int, int]:
    await stock.query_database(3)
    return stock.carts.get(user, {})


@router.put("/{user}/items")
async def put_item(user: User, item: Item) -> dict[int, int]:
    if item.product_id not in stock.products:
        raise HTTPException(404, "no such product")
    await stock.query_database(7)
    items = stock.carts.setdefault(user, {})
    items[item.product_id] = item.quantity
    return items


@router.delete("/{user}/items/{product_id}", status_code=204)
async def drop_item(user: User, product_id: int) -> None:
    await stock.query_database(5)
    stock.carts.get(user, {}).pop(product_id, None)


@router.get("/{user}/shipping")
async def shipping(user: User) -> dict[str, int]:
    await stock.query_database(60)
    if stock.chance(0.04):
        raise CarrierError(user)
    return {"cents": 490 + 50 * len(stock.carts.get(user, {}))}
