"""``sidelight slow``."""

import click


@click.command()
@click.option(
    "--directory",
    envvar="SIDELIGHT_DIR",
    metavar="DIR",
    help="The store directory of the workers. [default: those of all servers of this user]",
)
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object per line, the newest first."
)
def slow(directory: str | None, *, as_json: bool) -> None:
    """Show the last slow requests of all workers, and where their time was spent."""
    import json

    from sidelight.cooperative import run_to_end
    from sidelight.export.slow_requests import table
    from sidelight.store.directory import existing, own
    from sidelight.store.directory_reader import DirectoryReader
    from sidelight.store.slow_requests import newest

    paths = [directory] if directory else own()
    found = [run_to_end(DirectoryReader(existing(path)).slow_requests()) for path in paths]
    records = newest(record for records in found for record in records)
    if as_json:
        for record in records:
            click.echo(json.dumps(record.to_dict()))
    elif records:
        click.echo(table(records), nl=False)
    else:
        click.echo("there are no slow requests", err=True)
