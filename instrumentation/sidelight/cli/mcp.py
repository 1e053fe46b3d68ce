"""``sidelight mcp``, which serves tools to agents."""

import click

from sidelight.cli.servers import access_options
from sidelight.cli.why import SIDECAR


@click.command()
@click.argument("source", default=SIDECAR, metavar="[URL]")
@click.option("--http", is_flag=True, help="Serve streamable HTTP in place of standard input.")
@access_options(
    "SIDELIGHT_MCP",
    "127.0.0.1:9466",
    "A file with the bearer token, which is sent to the source and, with --http, required of "
    "clients.",
)
def mcp(  # noqa: PLR0913 one for each option
    source: str,
    listen: str,
    token_file: str | None,
    hosts: tuple[str, ...],
    *,
    http: bool,
    insecure: bool,
) -> None:
    """Serve tools to agents, by the Model Context Protocol. They only read.

    URL is a sidecar with a history, or any Prometheus.
    """
    from sidelight.mcp import server
    from sidelight.serving import bind
    from sidelight.why.http_source import HTTPPrometheus

    host, port, token = bind.parse(listen, token_file, server.LISTEN, insecure=insecure)
    if http:
        config = bind.BindConfig(host, port, token, hosts)
        server.run_http(HTTPPrometheus(source, token), config)
    else:
        server.run_stdio(HTTPPrometheus(source, token))
