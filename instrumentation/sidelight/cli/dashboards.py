"""``sidelight dashboards``: export."""

import click


@click.group()
def dashboards() -> None:
    """Grafana dashboards for the metrics of Sidelight."""


@dashboards.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
def export_dashboards(folder: str) -> None:
    """Write the dashboards into DIR, as JSON files that Grafana can import or provision."""
    from sidelight.packaged import export_dashboards as write

    for path in write(folder):
        click.echo(path)
