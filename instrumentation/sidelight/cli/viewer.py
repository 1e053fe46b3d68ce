"""``sidelight viewer``."""

import click


@click.command()
@click.option(
    "--listen",
    envvar="SIDELIGHT_VIEWER_LISTEN",
    default="127.0.0.1:9465",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where to serve.",
)
@click.option(
    "--sidecar",
    envvar="SIDELIGHT_VIEWER_SIDECAR",
    default="http://127.0.0.1:9464",
    show_default=True,
    metavar="URL",
    help="The sidecar whose history and slow requests are shown.",
)
@click.option(
    "--prometheus",
    envvar="SIDELIGHT_VIEWER_PROMETHEUS",
    metavar="URL",
    help="Ask this server for metrics, and the sidecar only for slow requests.",
)
@click.option(
    "--token-file",
    envvar="SIDELIGHT_VIEWER_TOKEN_FILE",
    metavar="FILE",
    help="A file with the bearer token of what is read; whoever looks is asked for it too.",
)
@click.option(
    "--allowed-host",
    "hosts",
    envvar="SIDELIGHT_VIEWER_ALLOWED_HOSTS",
    multiple=True,
    metavar="NAME",
    help="A name that the viewer is reached by, besides localhost and addresses.",
)
@click.option(
    "--step",
    envvar="SIDELIGHT_VIEWER_STEP",
    metavar="DURATION",
    help="How often scrapes and rules are, where that is more often than every 15s and 1m.",
)
@click.option(
    "--insecure",
    envvar="SIDELIGHT_VIEWER_INSECURE",
    is_flag=True,
    help="Serve without a token, though other machines reach the address.",
)
def viewer(  # noqa: PLR0913, PLR0917 one for each option
    listen: str,
    sidecar: str,
    prometheus: str | None,
    token_file: str | None,
    hosts: tuple[str, ...],
    step: str | None,
    *,
    insecure: bool,
) -> None:
    """Draw the dashboards in a browser, without Grafana, in a process of its own."""
    from sidelight.embedded.viewer import settings

    names = tuple(name for text in hosts for name in text.replace(",", " ").split())
    checked = settings.check(
        listen, sidecar, prometheus, token_file, names, insecure=insecure, step=step
    )
    settings.need_extra()
    from sidelight.embedded.viewer import server

    server.run(checked)
