"""The shop's load generator is limited, stays on this machine, and reaches every route."""

import asyncio
import re
import time
from unittest.mock import patch

import pytest
from fastapi import FastAPI

import load
import traffic
from load import RequestBudget, generate_load, loopback_url


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://127.9.9.9", "http://[::1]:8000/"])
def test_loopback_addresses_are_accepted(url: str) -> None:
    """Any loopback address is accepted."""
    assert loopback_url(url).scheme == "http"


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:8000",
        "http://localhost:8000",
        "http://127.0.0.1@192.0.2.1/",
        "http://127.0.0.1.example/",
        "http://0.0.0.0:8000",
        "https://127.0.0.1",
        "127.0.0.1:8000",
        "",
    ],
)
def test_other_addresses_are_refused(url: str) -> None:
    """A name, the address of another machine, or another scheme is refused."""
    with pytest.raises(ValueError, match=r"goes to http://127\.0\.0\.1"):
        loopback_url(url)


def test_the_budget_bounds_the_number_of_requests() -> None:
    """The load ends when the allowed number of requests was sent."""
    sent = 0

    async def count(*_: object) -> None:
        nonlocal sent
        sent += 1

    with (
        patch.multiple(traffic, send_request=count, chat=count),
        patch.object(load, "CHAT_INTERVAL", 0.1),
    ):
        asyncio.run(generate_load("http://127.0.0.1:9", RequestBudget(30), seconds=600, rate=500))
    assert sent == 30


def test_time_bounds_the_load() -> None:
    """The load ends when its time is over, also during a request."""
    active = 0

    async def forever(*_: object) -> None:
        nonlocal active
        active += 1
        await asyncio.Event().wait()

    began = time.monotonic()
    with patch.multiple(traffic, send_request=forever, chat=forever):
        running = generate_load("http://127.0.0.1:9", RequestBudget(10_000), seconds=2, rate=500)
        asyncio.run(asyncio.wait_for(running, 60))
    assert active
    assert time.monotonic() - began >= 2


def test_a_request_that_suppresses_its_cancellation_ends_the_load_too() -> None:
    """A client whose request ends as usual when it is cancelled sends no other one."""
    cancelled = after = 0

    async def deaf(*_: object) -> None:
        nonlocal cancelled, after
        after += bool(cancelled)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled += 1

    with patch.multiple(traffic, send_request=deaf, chat=deaf):
        running = generate_load("http://127.0.0.1:9", RequestBudget(10_000), seconds=1, rate=500)
        asyncio.run(asyncio.wait_for(running, 60))
    assert cancelled
    assert after == 0


def test_every_route_of_the_shop_receives_requests() -> None:
    """The load has a request for each route, so that each is in the table."""
    pytest.importorskip("sidelight")
    from app import app
    from routes import partners

    sent = [request for group in traffic.requests().values() for request in group]
    for method, template in [*operations(app), *operations(partners.app, "/partners/{partner}")]:
        path = re.compile(re.sub(r"{\w+}", "[^/]+", template))
        assert any(one[0] == method and path.fullmatch(one[1].partition("?")[0]) for one in sent), (
            f"{method} {template}"
        )


def operations(app: FastAPI, prefix: str = "") -> list[tuple[str, str]]:
    """Method and template of each route, as the OpenAPI document names them."""
    return [
        (method.upper(), prefix + path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]
