"""A viewer of an engine that lacks functions of native histograms, such as VictoriaMetrics."""

import asyncio
import http.server
import json
from collections.abc import Iterator
from typing import ClassVar
from urllib.parse import parse_qs

import pytest

from sidelight.embedded.viewer.clients import PrometheusClient
from sidelight.embedded.viewer.query_result import DataSourceError
from sidelight.embedded.viewer.time_range import TimeRange
from sidelight.histogram_queries import NATIVE_FUNCTION, count, for_engine
from tests.serving import serving

RATES = count("x", 'a="b"', over="[1m]")
CLASSIC, NATIVE = (f"sum({for_engine(RATES, native=native)})" for native in (False, True))
EMPTY = {"status": "success", "data": {"resultType": "vector", "result": []}}
UNKNOWN = {"status": "error", "errorType": "422", "error": "unsupported function"}


class Engine(http.server.BaseHTTPRequestHandler):
    """Records the queries; ``status`` is the answer to those with native functions."""

    status: ClassVar[int] = 200
    asked: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        form = self.rfile.read(int(self.headers["content-length"])).decode()
        (query,) = parse_qs(form)["query"]
        self.asked.append(query)
        status = self.status if "histogram_count" in query else 200
        body = json.dumps(EMPTY if status == 200 else UNKNOWN).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep the output of the tests clean."""


@pytest.fixture
def port(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """An engine that answers native functions with a status."""
    monkeypatch.setattr(Engine, "status", request.param)
    monkeypatch.setattr(Engine, "asked", [])
    with serving(Engine) as port:
        yield port


async def ask(port: int) -> None:
    async with PrometheusClient(f"http://127.0.0.1:{port}") as client:
        await client.query("up", 0)
        await client.query(NATIVE, 0)
        await client.query_range(NATIVE, TimeRange(0, 60), 15)


@pytest.mark.parametrize("port", [200], indirect=True)
def test_native_histograms_are_asked_for(port: int) -> None:
    """An engine that has the functions is asked once whether it has them, and gets them."""
    asyncio.run(ask(port))
    assert Engine.asked == ["up", NATIVE_FUNCTION, NATIVE, NATIVE]


@pytest.mark.parametrize("port", [400, 422], indirect=True)
def test_other_engines_are_asked_for_classic_ones(port: int) -> None:
    """An engine that refuses the functions gets none of them in a panel's query."""
    asyncio.run(ask(port))
    assert Engine.asked == ["up", NATIVE_FUNCTION, CLASSIC, CLASSIC]


@pytest.mark.parametrize("port", [400], indirect=True)
def test_panels_that_are_loaded_together_ask_once(port: int) -> None:
    """Each waits for the one answer."""

    async def together() -> None:
        async with PrometheusClient(f"http://127.0.0.1:{port}") as client:
            await asyncio.gather(*(client.query(NATIVE, 0) for _ in range(5)))

    asyncio.run(together())
    assert Engine.asked == [NATIVE_FUNCTION, *[CLASSIC] * 5]


@pytest.mark.parametrize("port", [503], indirect=True)
def test_a_failure_is_no_answer(port: int) -> None:
    """An engine that fails is asked again at the next query."""

    async def twice() -> None:
        async with PrometheusClient(f"http://127.0.0.1:{port}") as client:
            for _ in range(2):
                with pytest.raises(DataSourceError, match="unsupported function"):
                    await client.query(NATIVE, 0)

    asyncio.run(twice())
    assert Engine.asked == [NATIVE_FUNCTION, NATIVE_FUNCTION]
