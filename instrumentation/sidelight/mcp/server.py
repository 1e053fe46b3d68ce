"""The server: the tools over standard input and output, or over streamable HTTP.

https://modelcontextprotocol.io/specification/
"""

import sys
from typing import TYPE_CHECKING, Final

from sidelight.mcp.tools import Tools
from sidelight.runtime.about import version
from sidelight.serving.access import Access
from sidelight.serving.bind import BindConfig
from sidelight.serving.process import address_of, listen, serve
from sidelight.why.http_source import HTTPPrometheus

if TYPE_CHECKING:
    from mcp.server import MCPServer

LISTEN: Final = "127.0.0.1:9466"
SHUTDOWN_SECONDS: Final = 3
INSTRUCTIONS: Final = (
    "Metrics of FastAPI services. Ask `why` first: it says what is wrong now, and which queries "
    "show it. All tools only read."
)


def server(source: HTTPPrometheus) -> "MCPServer":
    """The server with its tools."""
    from mcp.server import MCPServer  # noqa: PLC0415 all other modules are imported without it
    from mcp.types import ToolAnnotations  # noqa: PLC0415 as above

    made = MCPServer(
        "sidelight", version=version("sidelight"), instructions=INSTRUCTIONS, log_level="WARNING"
    )
    read_only = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    tools = Tools(source)
    for tool in (tools.why, tools.slow_requests, tools.alerts, tools.query, tools.metrics):
        made.add_tool(tool, annotations=read_only)
    return made


def run_stdio(source: HTTPPrometheus) -> None:
    """Serve until the standard input ends."""
    server(source).run("stdio")


def run_http(source: HTTPPrometheus, config: BindConfig) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` if the address can't be used."""
    from mcp.server.transport_security import (  # noqa: PLC0415 as above
        TransportSecuritySettings,
    )

    made = server(source)
    listener = listen(config, LISTEN)
    # `Access` checks Host and the token, as it does for the sidecar.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = made.streamable_http_app(
        stateless_http=True, json_response=True, transport_security=unchecked
    )
    sys.stdout.write(f"sidelight mcp: http://{address_of(listener)}/mcp\n")
    sys.stdout.flush()
    access = Access(app, config.token, config.hosts)
    serve(access, listener, SHUTDOWN_SECONDS, log_level="warning")
