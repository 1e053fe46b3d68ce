"""``sidelight top``, the live table of a service's routes."""

import click


@click.command()
@click.argument("source", default="http://127.0.0.1:9464", metavar="[URL|DIR]")
@click.option(
    "--sort",
    type=click.Choice(["rate", "errors", "slow", "p50", "p95", "p99", "waiting", "blocked"]),
    default="rate",
    show_default=True,
    help="The column that routes are sorted by at first.",
)
@click.option("--token-file", metavar="FILE", help="A file with the bearer token of the source.")
def top(source: str, sort: str, token_file: str | None) -> None:
    """Show the routes of a service as a live table, over the last 10 seconds.

    URL is a service, or a sidecar; DIR is the directory that workers share. Keys sort it, and q
    stops.
    """
    import asyncio

    from sidelight import bearer_token
    from sidelight.embedded.viewer.settings import require_extra

    require_extra()
    from sidelight.embedded.top import runner

    token = bearer_token.read(token_file) if token_file else None
    asyncio.run(runner.run(source, token, sort))
