"""Faults of one route: what clients ask for goes wrong."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.drill.crowd import Crowd, asking
from tests.drill.fault import Names
from tests.drill.stack import Stack
from tests.live.servers import eventually

IMAGES = "/images/{name}"
DELIVERIES = "/deliveries"
PLACE = {"location": "query.day", "type": "missing"}
"""Where clients of a new release are wrong, and how."""


@contextmanager
def errors(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A search in four fails; it has no objective of its own, so the text must name it."""
    with asking(stack.port, "GET", "/search?wrong=1", 4, 4):
        yield lambda heard: "Most of them are on GET /search, with SearchError." in heard.text


@contextmanager
def latency(stack: Stack, _: Crowd) -> Iterator[Names]:
    """Half of the checkouts take too long for their own objective, too few for the service's."""
    route = {"http_request_method": "POST", "http_route": "/checkout"}
    with asking(stack.port, "POST", "/checkout?wrong=1", 1.2, 6):
        yield lambda heard: route.items() <= heard.labels.items()


@contextmanager
def blocked(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A route holds the loop for a quarter of a second, up to twice a second."""
    with asking(stack.port, "GET", "/images/kite?wrong=1", 2, 1):
        line = ", in tests.drill.service.image. "
        yield lambda heard: heard.labels["http_route"] == IMAGES and line in heard.text


@contextmanager
def victims(stack: Stack, _: Crowd) -> Iterator[Names]:
    """So many hold the loop for a quarter of a second that all others wait for it for seconds.

    The application answers those quickly, so that only a clock that starts at the arrival tells.
    """
    with asking(stack.port, "GET", "/images/kite?wrong=1", 40, 16):
        route = f"waiting for the event loop, which {IMAGES} keeps busy."
        yield lambda heard: route in heard.text


@contextmanager
def refused(stack: Stack, _: Crowd) -> Iterator[Names]:
    """A new release of a client sends ``date`` in place of ``day``, and is answered with 422.

    The alert compares with the six hours before, so the service must be as old as that.
    """
    old = f'sidelight_workers{{job="shop"}} offset {stack.time("6h")} > 0'
    eventually(lambda: stack.query(old), stack.seconds("7h"))
    field = "Most of them are at query.day, of the type missing."
    with asking(stack.port, "GET", "/deliveries?date=2026-12-24", 8, 4):
        yield lambda heard: heard.labels["http_route"] == DELIVERIES and field in heard.text
