"""The published route table, and the route of a raw path by it."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sidelight.store import route_table
from sidelight.store.route_table import ANY, WEBSOCKET, PublishedRoute

ID = "6f1c2b1e-0e0a-4d5c-9a59-0a3f5c1f9a01"
ROUTES = [
    PublishedRoute(("GET",), "/items/mine", 0.5),
    PublishedRoute(("GET", "HEAD"), "/items/{item_id:int}", 1.0),
    PublishedRoute(("GET",), "/items/{name}", 1.0),
    PublishedRoute(("POST",), "/items", 0.25),
    PublishedRoute(("GET",), "/files/{path:path}", 1.0),
    PublishedRoute(("GET",), "/price/{euros:float}", 1.0),
    PublishedRoute(("GET",), "/user/{uid:uuid}", 1.0),
    PublishedRoute(("GET",), "/odd/{thing:custom}/end", 1.0),
    PublishedRoute((WEBSOCKET,), "/ws/{room}"),
    PublishedRoute((ANY,), "/static/{path:path}"),
    PublishedRoute(("GET",), "/a.b+(c)", 1.0),
]
TABLE = route_table.encode(ROUTES).decode()


def test_a_table_is_read_as_it_was_written() -> None:
    """Methods, paths with convertors, and thresholds come back."""
    assert route_table.decode(TABLE) == tuple(ROUTES)


@pytest.mark.parametrize(
    ("method", "path", "template"),
    [
        ("GET", b"/items/mine", "/items/mine"),
        ("GET", b"/items/7", "/items/{item_id}"),
        ("HEAD", b"/items/7", "/items/{item_id}"),
        ("GET", b"/items/seven", "/items/{name}"),
        ("POST", b"/items", "/items"),
        ("PUT", b"/items", "/items"),  # a 405 has its route
        ("DELETE", b"/items/7", "/items/{item_id}"),
        ("GET", b"/files/a/b/c.txt", "/files/{path}"),
        ("GET", b"/files/", "/files/{path}"),
        ("GET", b"/price/1.5", "/price/{euros}"),
        ("GET", b"/price/x", ""),
        ("GET", b"/user/" + ID.encode(), "/user/{uid}"),
        ("GET", b"/user/me", ""),
        ("GET", b"/odd/any/end", "/odd/{thing}/end"),
        ("GET", b"/odd/a/b/end", ""),
        (WEBSOCKET, b"/ws/1", "/ws/{room}"),
        ("GET", b"/ws/1", ""),
        ("GET", b"/static/x/y.css", "/static/{path}"),
        ("GET", b"/a.b+(c)", "/a.b+(c)"),
        ("GET", b"/axb+(c)", ""),
        ("GET", b"/items/caf%C3%A9", "/items/{name}"),
        ("GET", b"/items/%ff", "/items/{name}"),
        ("GET", b"/items/line%0Abreak", "/items/{name}"),
        ("GET", b"", ""),
        ("GET", b"/nowhere", ""),
    ],
)
def test_a_raw_path_has_its_template(method: str, path: bytes, template: str) -> None:
    """The first route that takes path and method names a request, as Starlette tries them."""
    assert route_table.template_for(TABLE, (), method, path) == template


@pytest.mark.parametrize(
    ("roots", "path", "template"),
    [
        (("/api",), b"/api/items/7", "/api/items/{item_id}"),
        (("/api",), b"/items/7", "/api/items/{item_id}"),  # a proxy cut it off
        (("/api", "/api/v1"), b"/api/v1/items/7", "/api/v1/items/{item_id}"),
    ],
)
def test_a_root_path_is_part_of_the_template(
    roots: tuple[str, ...], path: bytes, template: str
) -> None:
    """The label has the ``root_path``, of several the one that fits."""
    assert route_table.template_for(TABLE, roots, "GET", path) == template


def test_without_a_table_the_route_is_unknown() -> None:
    """No table is not the same as no route."""
    assert route_table.template_for("", (), "GET", b"/items/7") == "_UNKNOWN"


@given(some.text(max_size=200), some.sampled_from(["GET", WEBSOCKET, ""]), some.binary(max_size=50))
def test_a_hostile_table_names_routes_or_none(text: str, method: str, path: bytes) -> None:
    """Any text is a table: a reader of another worker's file never fails over it."""
    for whole in (text, f"GET\t{text}\t1\n", f"GET\t/{{x}}{text}\n"):
        assert isinstance(route_table.template_for(whole, ("/api",), method, path), str)


def test_no_path_makes_a_match_slow() -> None:
    """A long raw path that nearly matches many routes takes no noticeable time."""
    import time

    table = route_table.encode(
        PublishedRoute(("GET",), f"/{'{a}/' * depth}end", 1.0) for depth in range(1, 15)
    ).decode()
    began = time.thread_time()
    route_table.template_for(table, (), "GET", b"/x" * 72)
    route_table.template_for(TABLE, (), "GET", b"/files/" + b"/" * 140)
    assert time.thread_time() - began < 1
