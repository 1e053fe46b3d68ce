"""Servers look at an application to learn whether it speaks ASGI 3; the middleware does."""

import importlib.util

import pytest

from tests.live.conftest import Serve
from tests.live.counting import scrape, value

pytestmark = [pytest.mark.live, pytest.mark.newest]

APP = "outermost:app"
PORT = "127.0.0.1:{port}"
SERVERS = {
    "uvicorn": ["uvicorn", APP, "--port", "{port}"],
    "hypercorn": ["hypercorn", APP, "--bind", PORT],
    "granian": ["granian", APP, "--interface", "asgi", "--port", "{port}"],
    "uvicorn_worker": ["gunicorn", APP, "-b", PORT, "-k", "uvicorn_worker.UvicornWorker"],
    "gunicorn.workers.gasgi": ["gunicorn", APP, "-b", PORT, "-k", "asgi"],
}


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_calls_the_middleware_as_asgi_3(serve: Serve, kind: str) -> None:
    """As the outermost application it answers each request, and counts each."""
    pytest.importorskip(kind.partition(".")[0])
    if importlib.util.find_spec(kind) is None:
        pytest.skip(f"this gunicorn has no {kind}")
    server = serve(*SERVERS[kind], spawned=True).ready()
    assert [server.get(f"/items/{number}") for number in range(20)] == [
        (200, str(number)) for number in range(20)
    ]
    counts = "http_server_request_duration_seconds_count"
    assert value(scrape(server), counts, http_route="/items/{item_id}") == 20
