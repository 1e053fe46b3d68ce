"""``sidelight viewer``."""

import click

from sidelight.cli.options import access_options


@click.command()
@access_options(
    "SIDELIGHT_VIEWER",
    "127.0.0.1:9465",
    "A file with the bearer token, which is sent to the sidecar and Prometheus and required of "
    "the viewer's clients.",
)
@click.option(
    "--sidecar",
    envvar="SIDELIGHT_VIEWER_SIDECAR",
    default="http://127.0.0.1:9464",
    show_default=True,
    metavar="URL",
    help="The address of the sidecar, which has the history and the slow requests.",
)
@click.option(
    "--prometheus",
    envvar="SIDELIGHT_VIEWER_PROMETHEUS",
    metavar="URL",
    help="A Prometheus server to query in place of the sidecar's history.",
)
@click.option(
    "--step",
    envvar="SIDELIGHT_VIEWER_STEP",
    metavar="DURATION",
    help="The interval of scrapes and rule evaluations, if shorter than 15s and 1m.",
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
    """Serve the dashboards to a browser, without Grafana."""
    from sidelight.embedded.viewer import settings

    checked = settings.check(
        listen, sidecar, prometheus, token_file, hosts, insecure=insecure, step=step
    )
    settings.require_extra()
    from sidelight.embedded.viewer import server

    server.run(checked)
