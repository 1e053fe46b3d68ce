"""Which latency objectives apply to a route, and how workers publish them."""

import json
import tomllib

import pytest

from sidelight.latency_objectives import (
    ByFirstByte,
    LatencyObjective,
    LatencyObjectives,
    decode,
    encode,
    read,
)
from sidelight.route_pattern import RoutePattern

ALL = """
latency = "99% < 300ms"
exclude = ["GET /events", "/internal/*"]
root_path = "/api"
route = [
  { match = "POST /checkout", latency = "99% < 1s" },
  { match = "GET /feed", latency = "95% < 2s", first_byte = true },
  { match = "GET /search", availability = "90%" },
]
"""
EVENT_STREAMS, STREAMS, ONLY = ByFirstByte.EVENT_STREAMS, ByFirstByte.STREAMS, ByFirstByte.ALL


def found(text: str) -> LatencyObjectives:
    return read(tomllib.loads(text))


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("GET /api/x", {0.3: EVENT_STREAMS}),
        ("GET ", {0.3: EVENT_STREAMS}),
        ("POST /api/checkout", {0.3: EVENT_STREAMS, 1.0: EVENT_STREAMS}),
        ("GET /api/checkout", {0.3: EVENT_STREAMS}),
        ("GET /api/search", {0.3: EVENT_STREAMS}),
        ("GET /api/feed", {2.0: ONLY}),
        ("GET /api/events", {}),
        ("POST /api/events", {0.3: EVENT_STREAMS}),
        ("PUT /api/internal/a/b", {}),
        ("GET /events", {0.3: EVENT_STREAMS}),
    ],
)
def test_objectives_of_a_route(route: str, expected: dict[float, ByFirstByte]) -> None:
    """Its own and the service's, unless it is excluded or measured to its first byte."""
    assert found(ALL).of_route(RoutePattern.parse(route)) == expected


def test_a_service_that_streams() -> None:
    """With first_byte, streams of all routes are judged by their first byte."""
    assert found('latency = "99% < 1s"\nfirst_byte = true').of_route(RoutePattern("GET", "/")) == {
        1.0: STREAMS
    }


def test_one_latency_with_two_meanings_has_no_counter() -> None:
    """Where a route's own objective judges streams in another way, it isn't counted for either."""
    text = (
        'latency = "99% < 1s"\nfirst_byte = true\nroute = [{{ match = "GET /x", latency = "{}" }}]'
    )
    route = RoutePattern("GET", "/x")
    assert found(text.format("90% < 1s")).of_route(route) == {}
    assert found(text.format("90% < 2s")).of_route(route) == {1.0: STREAMS, 2.0: EVENT_STREAMS}
    assert found(text.format("90% < 1s")).of_route(RoutePattern("GET", "/y")) == {1.0: STREAMS}


def test_published_objectives_are_read_back() -> None:
    """A reader in another process has the same objectives; without any, nothing is published."""
    assert decode(encode(found(ALL))) == found(ALL)
    assert encode(found('availability = "99%"')) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"[5, [], []]",
        b"[[1], [], []]",
        b'[["x", false], [], []]',
        b"[[-1, false], [], []]",
        b"[[NaN, false], [], []]",
        b"[[1e999, false], [], []]",
        b"[[" + b"9" * 400 + b", false], [], []]",
        b"[null, {}, []]",
        b'[null, [[1, false, "GET"]], []]',
        b'[null, [], [["GET"]]]',
        b"[null, [], 5]",
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_anything_else_is_no_objective(data: bytes) -> None:
    """A file may be made by anybody: what is no list of objectives is none."""
    assert decode(data) == LatencyObjectives()


def test_published_objectives_are_bounded() -> None:
    """Of a file with more than a thousand routes, the first thousand are read."""
    routes = [[1.0, False, "GET", f"/{number}"] for number in range(1001)]
    many = decode(json.dumps([None, routes, [["GET", f"/{n}"] for n in range(1001)]]).encode())
    assert (len(many.routes), len(many.exclude)) == (1000, 1000)
    assert many.routes[RoutePattern("GET", "/999")] == LatencyObjective(1.0, first_byte=False)
