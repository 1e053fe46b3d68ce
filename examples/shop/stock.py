"""The shop's data. It is in the memory of each worker, and is lost when the worker ends."""

import asyncio
import random
from collections import deque
from typing import Literal

from pydantic import BaseModel, Field

MAX_ORDERS = 2_000
MAX_REVIEWS = 20
_random = random.Random(7)  # seeded, so that all workers have the same products


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
        cents=_random.randrange(500, 20_000),
        in_stock=_random.randrange(0, 90),
        features=[_random.random() for _ in range(256)],
    )


def _order(number: int) -> Order:
    items = [Item(product_id=_random.randint(1, 200), quantity=1) for _ in range(3)]
    status: Literal["placed", "shipped"] = "shipped" if number % 3 else "placed"
    return Order(id=number, user=f"u{number % 50}", items=items, status=status)


products = {number: _product(number) for number in range(1, 201)}
orders = {number: _order(number) for number in range(1, 301)}
reviews: dict[int, deque[Review]] = {}
carts: dict[str, dict[int, int]] = {}


def place(user: str, items: list[Item], percent: int = 0) -> Order:
    """Store a new order with a discount of ``percent``; the oldest order is removed if needed."""
    order = Order(id=max(orders) + 1, user=user, items=items, percent=percent)
    orders[order.id] = order
    if len(orders) > MAX_ORDERS:
        del orders[min(orders)]
    return order


def reviews_of(product_id: int) -> deque[Review]:
    return reviews.setdefault(product_id, deque(maxlen=MAX_REVIEWS))


def total(items: list[Item]) -> int:
    """The price of the items in cents."""
    return sum(products[item.product_id].cents * item.quantity for item in items)


async def query_database(milliseconds: float) -> None:
    """Wait as for a query: about `milliseconds`, and sometimes several times as long."""
    await asyncio.sleep(milliseconds / 1000 * random.lognormvariate(0, 0.5))


def chance(probability: float) -> bool:
    """True with a probability."""
    return random.random() < probability
