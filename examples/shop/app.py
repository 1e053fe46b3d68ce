"""A shop with some twenty routes, which one middleware measures."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import FastAPI

import stock
from routes import carts, office, orders, partners, products
from sidelight import SidelightMiddleware

# Seconds from which a request is slow. A checkout has to be faster than other requests; a stream
# of events is long by design.
SLOW = {"POST /orders/checkout": 0.3, "GET /orders/{order_id}/events": 10.0, "*": 1.0}


async def restock() -> None:
    """Restock every product at an interval."""
    while True:
        await asyncio.sleep(5)
        for product in stock.products.values():
            product.in_stock = max(product.in_stock, 5)


@contextlib.asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(restock())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


app = FastAPI(title="Shop", lifespan=lifespan)
app.add_middleware(SidelightMiddleware, slow_request_threshold=SLOW)

for part in (products, carts, orders, office):
    app.include_router(part.router)
app.mount("/partners/{partner}", partners.app)


@app.get("/health")
async def health() -> dict[str, str]:
    return {"status": "ok"}
