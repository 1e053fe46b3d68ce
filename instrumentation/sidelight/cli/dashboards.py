"""``sidelight dashboards``: export."""

import click


@click.group()
def dashboards() -> None:
    """Grafana dashboards for the metrics of Sidelight."""


@dashboards.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
@click.option(
    "--classic-histograms",
    "classic",
    is_flag=True,
    help="Use no functions of native histograms, for an engine without them, such as "
    "VictoriaMetrics.",
)
def export_dashboards(folder: str, *, classic: bool) -> None:
    """Write the dashboards into DIR, as JSON files that Grafana can import or provision."""
    from sidelight.packaged import export_dashboards as write

    for path in write(folder, native=not classic):
        click.echo(path)
