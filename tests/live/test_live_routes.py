"""Routes of an application in the shape of others, on a real server."""

import pytest

from tests.live.conftest import Serve
from tests.live.counting import DURATION_COUNT, samples, value

pytestmark = pytest.mark.live

EXPECTED = {
    "/first/{name}": ["/first/1", "/first/2", "/first/3"],
    "/second/{name}": ["/second/1", "/second/2"],
    "/short/{side}/things/{name}": ["/short/a/things/1", "/short/b/things/1"],
    "/runs/{action}": ["/runs/start", "/runs/stop", "/runs/stop"],
    "/api/things/{name}": ["/api/things/1"],
    "/admin/tables/{identity}/details/{pk}": ["/admin/tables/user/details/a/1"],
}


def test_each_request_has_the_route_that_was_chosen(uvicorn: Serve) -> None:
    """Shared methods, a shortened path and a WSGI mount count under their own templates."""
    server = uvicorn(1, "routed:app", SIDELIGHT_METRICS_PATH="/sidelight").ready()
    for path in [path for paths in EXPECTED.values() for path in paths]:
        assert server.get(path)[0] == 200, path
    status, page = server.get("/sidelight")
    assert status == 200
    found = samples(page)
    counted = {route: value(found, DURATION_COUNT, http_route=route) for route in EXPECTED}
    assert counted == {route: len(paths) for route, paths in EXPECTED.items()}


def test_a_session_counts_its_stream_and_each_message(uvicorn: Serve) -> None:
    """An event stream in which other requests have tools run is one request, as each of them is."""
    server = uvicorn(1, "routed:app", SIDELIGHT_METRICS_PATH="/sidelight").ready()
    for tool in ("add", "search"):
        assert server.get(f"/messages/{tool}", "POST") == (202, "null")
    assert server.get("/sse") == (200, "data: ready\n\ndata: add\n\ndata: search\n\n")
    page = samples(server.get("/sidelight")[1])
    assert value(page, DURATION_COUNT, http_route="/messages/{tool}") == 2
    assert value(page, DURATION_COUNT, http_route="/sse", http_response_status_code="200") == 1
    assert value(page, "fastapi_event_streams_total", http_route="/sse") == 1


def test_an_exporter_of_the_application_keeps_its_path(uvicorn: Serve) -> None:
    """The exporter in the WSGI mount answers at /metrics, and the log says where ours could be."""
    server = uvicorn(1, "routed:app").ready()
    for _ in range(2):
        assert server.get("/metrics") == (200, "their_own 1\n")
    assert 'set metrics_path="/sidelight"' in server.log
