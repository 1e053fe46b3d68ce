"""A path is compared with the few routes that it may match, of any number."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Route

from sidelight.asgi.route_matcher import RouteMatcher, pattern
from sidelight.asgi.routes import RouteTable
from sidelight.store import route_table
from sidelight.store.route_index import RouteIndex

SEGMENTS = ["a", "b", "{x}", "{x:int}", "{x:path}", "a-{x}", "{x}.b", "{", "a{b", ""]
TEXTS = ["a", "b", "1", "a-1", "a.b", "{", "a{b", "", "a\n"]
MANY = 1000


def paths(segments: list[str]) -> st.SearchStrategy[str]:
    """Paths of a few segments, with a slash in front or without."""
    inside = st.lists(st.sampled_from(segments), max_size=4).map("/".join)
    return st.one_of(inside, inside.map("/{}".format))


@given(st.lists(paths(SEGMENTS), max_size=12), paths(TEXTS))
def test_no_route_that_matches_is_left_out(routes: list[str], path: str) -> None:
    """Those that match a path are found in their order, whatever their parameters."""
    index = RouteIndex[str]()
    for route in routes:
        index.add(route, route)
    found = [route for route in index.may_match(path) if pattern(route).match(path)]
    assert found == [route for route in routes if pattern(route).match(path)]


def test_a_path_of_many_slashes_is_read_as_far_as_routes_go() -> None:
    """What a client sends does not say how often is looked for it."""
    index = RouteIndex[str]()
    index.add("/a/b/{x}", "")
    assert len(list(index._folders("/" * MANY))) == len("/a/b/")


def service() -> Starlette:
    """An application with a thousand routes."""
    paths = (f"/api/v1/things{number}/{{key}}" for number in range(MANY))
    return Starlette(routes=[Route(path, lambda _: None) for path in paths])


def test_a_request_is_compared_with_one_route_of_a_thousand() -> None:
    """By its path alone, as for a call of an HTTP client that it makes."""
    table = RouteTable([service()])
    scope = {"type": "http", "method": "GET", "path": "/api/v1/things999/7"}
    with patch.object(RouteMatcher, "matches", autospec=True, return_value=True) as compared:
        assert table.template(scope, "") == "/api/v1/things999/{key}"
    assert compared.call_count == 1


def test_another_process_compares_with_one_route_of_a_thousand() -> None:
    """As for a request in flight, whose route the table in the worker's file tells."""
    text = route_table.encode(RouteTable([service()]).routes).decode()
    with patch.object(route_table, "_matches", wraps=route_table._matches) as compared:
        found = route_table.template_for(text, (), "GET", b"/api/v1/things999/7")
    assert found == "/api/v1/things999/{key}"
    assert compared.call_count == 1
