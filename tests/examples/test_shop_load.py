"""The shop's load stays on this machine, stays bounded, and reaches every route."""

import asyncio
import re
import time
from unittest.mock import patch

import pytest
from fastapi import FastAPI

import visits
from load import Budget, crowd, loopback


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://127.9.9.9", "http://[::1]:8000/"])
def test_loopback_addresses_are_welcome(url: str) -> None:
    """Any address of the loopback network is one the load may go to."""
    assert loopback(url).scheme == "http"


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
def test_all_else_is_refused(url: str) -> None:
    """A name, another machine's address or another scheme is refused before anything is sent."""
    with pytest.raises(ValueError, match=r"goes to http://127\.0\.0\.1"):
        loopback(url)


def test_the_budget_bounds_the_number_of_requests() -> None:
    """The load ends by itself when as many requests as allowed were sent."""
    sent = 0

    async def count(*_: object) -> None:
        nonlocal sent
        sent += 1

    with patch.multiple(visits, one=count, chat=count):
        asyncio.run(crowd("http://127.0.0.1:9", Budget(30), seconds=600, rate=500))
    assert sent == 30


def test_time_bounds_the_load() -> None:
    """The load ends by itself when its time is over, even in the middle of a visit."""
    visiting = 0

    async def forever(*_: object) -> None:
        nonlocal visiting
        visiting += 1
        await asyncio.Event().wait()

    began = time.monotonic()
    with patch.multiple(visits, one=forever, chat=forever):
        load = crowd("http://127.0.0.1:9", Budget(10_000), seconds=0.5, rate=500)
        asyncio.run(asyncio.wait_for(load, 60))
    assert visiting
    assert time.monotonic() - began >= 0.5


def test_every_route_of_the_shop_is_visited() -> None:
    """A route added to the shop but not to the load would never show up in the table."""
    pytest.importorskip("sidelight")
    from app import app
    from routes import partners

    drawn = [visit for some in visits.visits().values() for visit in some]
    for method, template in [*operations(app), *operations(partners.app, "/partners/{partner}")]:
        path = re.compile(re.sub(r"{\w+}", "[^/]+", template))
        assert any(
            one[0] == method and path.fullmatch(one[1].partition("?")[0]) for one in drawn
        ), f"{method} {template}"


def operations(app: FastAPI, prefix: str = "") -> list[tuple[str, str]]:
    """Method and template of each route, as the OpenAPI document names them."""
    return [
        (method.upper(), prefix + path)
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    ]
