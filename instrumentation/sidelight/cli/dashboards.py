"""``sidelight dashboards``: export."""

import click


@click.group()
def dashboards() -> None:
    """Grafana's dashboards for what Sidelight measures."""


@dashboards.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
def export_dashboards(folder: str) -> None:
    """Write the dashboards into DIR, as JSON that Grafana imports and provisions."""
    from sidelight.packaged import export_dashboards as write

    for path in write(folder):
        click.echo(path)
