"""The server: the tools over standard input and output, or over streamable HTTP.

https://modelcontextprotocol.io/specification/
"""

import sys
from typing import Final

from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations

from sidelight.mcp.tools import Tools
from sidelight.runtime.about import version
from sidelight.serving.access import Access
from sidelight.serving.bind import BindConfig
from sidelight.serving.process import address_of, listen, serve
from sidelight.why.http_source import HTTPPrometheus

LISTEN: Final = "127.0.0.1:9466"
SHUTDOWN_SECONDS: Final = 3
INSTRUCTIONS: Final = (
    "Metrics of FastAPI services. Ask `why` first: it says what is wrong now, and which queries "
    "show it. All tools only read."
)
READ_ONLY: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def server(source: HTTPPrometheus) -> MCPServer:
    """The server with its tools."""
    made = MCPServer(
        "sidelight", version=version("sidelight"), instructions=INSTRUCTIONS, log_level="WARNING"
    )
    tools = Tools(source)
    for tool in (tools.why, tools.slow_requests, tools.alerts, tools.query, tools.metrics):
        made.add_tool(tool, annotations=READ_ONLY)
    return made


def run_stdio(source: HTTPPrometheus) -> None:
    """Serve until the standard input ends."""
    server(source).run("stdio")


def run_http(source: HTTPPrometheus, config: BindConfig) -> None:
    """Serve until SIGTERM or SIGINT. Raises `SettingsError` if the address can't be used."""
    listener = listen(config, LISTEN)
    # `Access` checks Host and the token, as it does for the sidecar.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    app = server(source).streamable_http_app(
        stateless_http=True, json_response=True, transport_security=unchecked
    )
    sys.stdout.write(f"sidelight mcp: http://{address_of(listener)}/mcp\n")
    sys.stdout.flush()
    access = Access(app, config.token, config.hosts)
    serve(access, listener, SHUTDOWN_SECONDS, log_level="warning")
