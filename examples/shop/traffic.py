"""The requests that clients of the shop send, and how often."""

import asyncio
import random

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

# Errors of a request that do not end the load.
FAILURES = (httpx.HTTPError, WebSocketException, OSError, TimeoutError)

DISCONNECT_RATIO = 0.02  # the share of the chunks of a response after which a client disconnects

RequestSpec = tuple[str, str, object]  # method, path, JSON body


def product() -> int:
    # Some links are out of date: products above 200 are not found.
    return random.randint(1, 204)


def user() -> str:
    return f"u{random.randrange(50)}"


def order() -> int:
    return random.randint(1, 305)


def item() -> dict[str, int]:
    # A quantity of 0 is invalid: the response is 422.
    return {"product_id": random.randint(1, 200), "quantity": random.choice((0, *range(1, 15)))}


def checkout(coupon: str = "") -> dict[str, object]:
    return {
        "user": user(),
        "items": [{"product_id": product(), "quantity": 1}],
        "coupon": coupon,
    }


def requests() -> dict[float, list[RequestSpec]]:
    """The requests of every client, by their relative frequency."""
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


def profiles() -> dict[str, dict[float, list[RequestSpec]]]:
    """The additional requests of each load profile, by their relative frequency."""
    return {
        "normal": {},
        "coupon": {24: [("POST", "/orders/checkout", checkout("FREESHIPPING"))]},
        "barcodes": {1: [("GET", f"/products/{product()}/barcode?size=24", None)]},
    }


def draw(profile: str = "normal") -> RequestSpec:
    """A random request of a load profile."""
    groups = [*requests().items(), *profiles()[profile].items()]
    weighted = [(weight, request) for weight, group in groups for request in group]
    weights = [weight for weight, _ in weighted]
    return random.choices([request for _, request in weighted], weights)[0]


async def send_request(client: httpx.AsyncClient, profile: str = "normal") -> None:
    """Send one request and read the response; some clients disconnect before its end."""
    method, path, body = draw(profile)
    async with client.stream(method, path, json=body) as response:
        async for _ in response.aiter_bytes():
            if random.random() < DISCONNECT_RATIO:
                return


async def chat(base: httpx.URL) -> None:
    """Send a few messages over a WebSocket."""
    url = str(base.copy_with(scheme="ws", path=f"/office/chat/{user()}"))
    async with connect(url, proxy=None, open_timeout=10, close_timeout=2) as socket:
        for _ in range(random.randint(3, 12)):
            await socket.send("where is my order?")
            await asyncio.wait_for(socket.recv(), timeout=10)
            await asyncio.sleep(random.uniform(0.2, 1.0))
