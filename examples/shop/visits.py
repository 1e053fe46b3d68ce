"""What shoppers do, and how often."""

import asyncio
import random

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

# What a visitor shrugs off: the service is away, or it answers badly.
FAILURES = (httpx.HTTPError, WebSocketException, OSError, TimeoutError)

LEAVES = 0.02  # share of the pieces of a page that are the last one seen

Visit = tuple[str, str, object]  # method, path, JSON body


def product() -> int:
    # Some links are stale: numbers above 200 are not found.
    return random.randint(1, 204)


def user() -> str:
    return f"u{random.randrange(50)}"


def order() -> int:
    return random.randint(1, 305)


def item() -> dict[str, int]:
    # A quantity of 0 is invalid, and answered with 422.
    return {"product_id": random.randint(1, 200), "quantity": random.choice((0, *range(1, 15)))}


def checkout(coupon: str = "") -> dict[str, object]:
    return {
        "user": user(),
        "items": [{"product_id": product(), "quantity": 1}],
        "coupon": coupon,
    }


def visits() -> dict[float, list[Visit]]:
    """One of each, by how often it happens among the others."""
    return {
        10: [
            ("GET", f"/products?page={random.randint(1, 10)}", None),
            ("GET", f"/products/{product()}", None),
        ],
        5: [
            ("GET", "/products/search?q=" + random.choice(("lamp", "kite", "te", "x")), None),
            ("GET", f"/products/{product()}/reviews", None),
            ("GET", f"/carts/{user()}", None),
        ],
        3: [
            ("GET", f"/products/{product()}/similar", None),
            ("PUT", f"/carts/{user()}/items", item()),
            ("GET", f"/carts/{user()}/shipping", None),
            ("POST", "/orders/checkout", checkout()),
        ],
        2: [
            ("GET", f"/orders?user={user()}", None),
            ("GET", f"/orders/{order()}", None),
            ("GET", f"/partners/acme/stock/{product()}", None),
        ],
        1: [
            ("POST", f"/products/{product()}/reviews", {"stars": 4, "text": "as described"}),
            ("DELETE", f"/carts/{user()}/items/{product()}", None),
            ("POST", f"/orders/{order()}/cancel", None),
            ("GET", f"/orders/{order()}/invoice", None),
            ("GET", f"/orders/{order()}/events", None),
            ("GET", "/health", None),
        ],
        0.5: [
            ("GET", f"/products/{product()}/barcode", None),
            ("GET", "/office/sales", None),
            ("POST", "/office/recount", None),
            ("GET", f"/no-such-page/{random.randrange(10_000)}", None),
        ],
    }


def moods() -> dict[str, dict[float, list[Visit]]]:
    """What shoppers do besides, in each mood they can be in."""
    return {
        "calm": {},
        "coupon": {24: [("POST", "/orders/checkout", checkout("FREESHIPPING"))]},
        "posters": {2: [("GET", f"/products/{product()}/barcode?size=6", None)]},
    }


def draw(mood: str = "calm") -> Visit:
    some = [*visits().items(), *moods()[mood].items()]
    weighted = [(weight, visit) for weight, alike in some for visit in alike]
    return random.choices([visit for _, visit in weighted], [weight for weight, _ in weighted])[0]


async def one(client: httpx.AsyncClient, mood: str = "calm") -> None:
    """One request, read to its end; now and then a shopper closes the page before."""
    method, path, body = draw(mood)
    async with client.stream(method, path, json=body) as response:
        async for _ in response.aiter_bytes():
            if random.random() < LEAVES:
                return


async def chat(base: httpx.URL) -> None:
    """A few questions over a WebSocket."""
    url = str(base.copy_with(scheme="ws", path=f"/office/chat/{user()}"))
    async with connect(url, proxy=None, open_timeout=10, close_timeout=2) as socket:
        for _ in range(random.randint(3, 12)):
            await socket.send("where is my order?")
            await asyncio.wait_for(socket.recv(), timeout=10)
            await asyncio.sleep(random.uniform(0.2, 1.0))
