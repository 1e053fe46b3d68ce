"""Paths matched without trying one way after the other: the same as by a pattern."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sidelight.store import route_table
from sidelight.store.route_table import PublishedRoute

PARTS = some.sampled_from(
    [
        *(
            "/",
            "a",
            "1",
            "1.5",
            ".",
            "-",
            "/a/",
            "{x}",
            "{x:path}",
            "{x:int}",
            "{x:float}",
            "{x:uuid}",
        ),
        *("{x:odd}", "12345678-1234-1234-1234-123456789012", "{x", "x}", "{}"),
    ]
)
ROUTES = some.lists(PARTS, max_size=7).map("".join)
PATHS = some.lists(
    some.sampled_from(
        ["/", "a", "1", "1.5", ".", "-", "x}", "{}", "12345678-1234-1234-1234-123456789012", "é"]
    ),
    max_size=9,
).map("".join)


@given(some.lists(ROUTES, min_size=1, max_size=4), PATHS)
def test_a_path_is_matched_as_by_the_pattern_of_its_route(routes: list[str], path: str) -> None:
    """Any routes and paths: the first route whose pattern takes the whole path, or none."""
    table = route_table.encode(PublishedRoute(("GET",), route, 1.0) for route in routes).decode()
    wanted = ""
    for route in routes:
        if re.compile(route_table.regex(route), re.DOTALL).match(path):
            wanted = PublishedRoute(("GET",), route).template
            break
    assert route_table.template_for(table, (), "GET", path.encode()) == wanted


@pytest.mark.parametrize("text", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\r"])
def test_a_path_may_have_any_character_but_a_tab_or_a_line_feed(text: str) -> None:
    """What else ends a line somewhere does not end one in a route table."""
    routes = (PublishedRoute(("GET",), f"/a{text}b", 1.0), PublishedRoute(("GET",), "/c", 1.0))
    assert route_table.decode(route_table.encode(routes).decode()) == routes


def test_a_large_table_names_a_route_at_once() -> None:
    """A thousand routes: each new path has its route within some milliseconds."""
    paths = [f"/shop{n}/{{a}}/items/{{b:int}}" for n in range(1000)]
    routes = [PublishedRoute(("GET",), path, 1.0) for path in paths]
    table = route_table.encode(routes).decode()
    route_table.template_for(table, (), "GET", b"/")
    began = time.thread_time()
    for n in range(0, 1000, 100):
        path = f"/shop{n}/x/items/{n}".encode()
        assert route_table.template_for(table, (), "GET", path) == routes[n].template
    assert time.thread_time() - began < 0.2


def test_a_table_that_takes_too_long_makes_a_route_unknown() -> None:
    """A path that would have to be tried too often is not guessed."""
    table = ("GET\t/" + "{a}x" * 30 + "!\t1\n") * 5000
    assert route_table.template_for(table, (), "GET", b"/" + b"x" * 140) == "_UNKNOWN"
