"""The tools that agents use: over standard input, and over HTTP with a token."""

import asyncio
import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.live.servers import Server, eventually
from tests.live.sidecars import SIDELIGHT, Sidecar, fetch

pytest.importorskip("mcp", reason="`make setup` installs it")

import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import Tool

pytestmark = [pytest.mark.live, pytest.mark.newest]

TOKEN = "a-token"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar that requires a token, of a service that has no worker, which an alert tells."""
    where = tmp_path_factory.mktemp("mcp")
    (where / "token").write_text(TOKEN)
    options = ("--token-file", str(where / "token"), "--history-step", "1s", "--job", "shop")
    with Sidecar(where / "store", where, *options, token=TOKEN) as found:
        eventually(lambda: '"result":[{' in found.get("/api/v1/query?query=ALERTS")[1])
        yield found


def options(sidecar: Sidecar) -> tuple[str, ...]:
    """The command's, with the sidecar as its source."""
    token = sidecar.log_path.parent / "token"
    return "mcp", f"http://127.0.0.1:{sidecar.port}", "--token-file", str(token)


@pytest.fixture
def server(sidecar: Sidecar) -> Iterator[Server]:
    """The tools over HTTP."""
    command = ("sidelight", *options(sidecar), "--http", "--listen", "127.0.0.1:{port}")
    found = Server(command, {}, sidecar.log_path.parent)
    try:
        eventually(lambda: "/mcp" in found.log)
        yield found
    finally:
        found.destroy()


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """What a tool answers."""
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    answer = result.structured_content
    assert answer is not None
    return answer.get("result", answer)


def is_read_only(tool: Tool) -> bool:
    return tool.annotations is not None and tool.annotations.read_only_hint is True


async def check_tools(transport: Any) -> None:
    """Each tool is listed as one that only reads, and answers."""
    async with Client(transport) as client:
        tools = (await client.list_tools()).tools
        assert {tool.name for tool in tools if is_read_only(tool)} == {
            *("why", "slow_requests", "alerts", "query", "metrics")
        }
        why = await call(client, "why", job="shop")
        assert [cause["kind"] for cause in why["causes"]] == ["down"]
        (up,) = (await call(client, "query", promql="up"))["series"]
        assert (up["labels"]["job"], up["value"]) == ("shop", 1.0)
        slow = await call(client, "slow_requests", limit=5)
        assert slow == {"slow": [], "causes": [], "in_flight": [], "blocked": []}
        alerts = await call(client, "alerts")
        assert all(one["runbook_text"].startswith(f"# {one['name']}") for one in alerts)
        assert "sidelight_workers" in {one["name"] for one in await call(client, "metrics")}
        refused = await client.call_tool("query", {"promql": "up{"})
        assert refused.is_error


def test_tools_over_standard_input(sidecar: Sidecar) -> None:
    """A host starts the command, and uses each tool."""
    start = StdioServerParameters(
        command=SIDELIGHT, args=list(options(sidecar)), env=dict(os.environ)
    )
    asyncio.run(check_tools(stdio_client(start)))


def test_tools_over_http(server: Server) -> None:
    """A client with the token uses each tool."""

    async def run() -> None:
        async with httpx2.AsyncClient(headers=BEARER, trust_env=False) as http:
            url = f"http://127.0.0.1:{server.port}/mcp"
            await check_tools(streamable_http_client(url, http_client=http))

    asyncio.run(run())


def test_http_has_the_sidecars_rules(server: Server) -> None:
    """Without the token, and with a foreign Host, a request is refused."""
    assert fetch(server, "/mcp", method="POST").status == 401
    foreign = {"Host": "evil.example", **BEARER}
    assert fetch(server, "/mcp", foreign, "POST").status == 421
