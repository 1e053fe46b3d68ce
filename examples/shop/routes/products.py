"""Products: fast reads, a search that is sometimes slow, and two CPU-bound routes."""

import hashlib
import math
import random
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query

import stock
from sidelight import timed
from stock import Product, Review

router = APIRouter(prefix="/products", tags=["products"])


@timed(name="find product")
def find_product(product_id: int) -> Product:
    if product_id not in stock.products:
        raise HTTPException(404, "no such product")
    return stock.products[product_id]


FoundProduct = Annotated[Product, Depends(find_product)]


@router.get("")
async def browse(
    page: Annotated[int, Query(ge=1, le=20)] = 1,
    size: Annotated[int, Query(ge=1, le=50)] = 20,
) -> list[Product]:
    await stock.query_database(8)
    return list(stock.products.values())[(page - 1) * size : page * size]


@router.get("/search")
async def search(q: Annotated[str, Query(min_length=2, max_length=60)]) -> list[Product]:
    # Most searches are fast; some take more than a second.
    await stock.query_database(1_300 if stock.chance(0.02) else 25)
    return [product for product in stock.products.values() if q in product.name][:20]


@router.get("/{product_id}")
async def product(product: FoundProduct) -> Product:
    await stock.query_database(4)
    return product


@router.get("/{product_id}/reviews")
async def read_reviews(product: FoundProduct) -> list[Review]:
    await stock.query_database(6)
    return list(stock.reviews_of(product.id))


@router.post("/{product_id}/reviews", status_code=201)
async def write_review(product: FoundProduct, review: Review) -> Review:
    await stock.query_database(12)
    stock.reviews_of(product.id).append(review)
    return review


@router.get("/{product_id}/similar")
def similar(product: FoundProduct) -> list[Product]:
    """CPU-bound in a thread: a `def` endpoint runs in the thread pool."""

    def distance(other: Product) -> float:
        return math.dist(product.features, other.features)

    return sorted(stock.products.values(), key=distance)[1:6]


@router.get("/{product_id}/barcode")
async def barcode(
    product: FoundProduct, size: Annotated[int, Query(ge=1, le=24)] = 1
) -> dict[str, str]:
    """CPU-bound on the event loop, which blocks all other requests: a mistake."""
    rounds = size * random.randrange(30_000, 120_000)
    digest = hashlib.pbkdf2_hmac("sha256", product.name.encode(), b"shop", rounds)
    return {"barcode": digest.hex()[:13]}
