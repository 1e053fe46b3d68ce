"""The shop's data, in memory: every worker has its own, and restarting empties the tills."""

import asyncio
import random
from collections import deque
from typing import Literal

from pydantic import BaseModel, Field

KEPT_ORDERS = 2_000
KEPT_REVIEWS = 20
_dice = random.Random(7)  # seeded: all workers sell the same goods


class Product(BaseModel):
    id: int
    name: str
    cents: int
    in_stock: int
    features: list[float] = Field(exclude=True)


class Review(BaseModel):
    stars: int = Field(ge=1, le=5)
    text: str = Field(min_length=3, max_length=500)


class Item(BaseModel):
    product_id: int
    quantity: int = Field(ge=1, le=20)


class Order(BaseModel):
    id: int
    user: str
    items: list[Item]
    status: Literal["placed", "shipped", "cancelled"] = "placed"
    percent: int = 0


def _product(number: int) -> Product:
    kind = ("lamp", "chair", "teapot", "kite", "notebook")[number % 5]
    return Product(
        id=number,
        name=f"{kind} no. {number}",
        cents=_dice.randrange(500, 20_000),
        in_stock=_dice.randrange(0, 90),
        features=[_dice.random() for _ in range(256)],
    )


def _order(number: int) -> Order:
    items = [Item(product_id=_dice.randint(1, 200), quantity=1) for _ in range(3)]
    status: Literal["placed", "shipped"] = "shipped" if number % 3 else "placed"
    return Order(id=number, user=f"u{number % 50}", items=items, status=status)


products = {number: _product(number) for number in range(1, 201)}
orders = {number: _order(number) for number in range(1, 301)}
reviews: dict[int, deque[Review]] = {}
carts: dict[str, dict[int, int]] = {}


def place(user: str, items: list[Item], percent: int = 0) -> Order:
    """Keep a new order, ``percent`` cheaper; the oldest one makes room for it."""
    order = Order(id=max(orders) + 1, user=user, items=items, percent=percent)
    orders[order.id] = order
    if len(orders) > KEPT_ORDERS:
        del orders[min(orders)]
    return order


def reviews_of(product_id: int) -> deque[Review]:
    return reviews.setdefault(product_id, deque(maxlen=KEPT_REVIEWS))


def total(items: list[Item]) -> int:
    """What these items cost, in cents."""
    return sum(products[item.product_id].cents * item.quantity for item in items)


async def database(milliseconds: float) -> None:
    """Wait as a query would: mostly about `milliseconds`, now and then several times that."""
    await asyncio.sleep(milliseconds / 1000 * random.lognormvariate(0, 0.5))


def chance(share: float) -> bool:
    return random.random() < share
