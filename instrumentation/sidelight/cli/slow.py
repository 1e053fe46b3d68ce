"""``sidelight slow``."""

import click


@click.command()
@click.option(
    "--directory",
    envvar="SIDELIGHT_DIR",
    metavar="DIR",
    help="Where the workers meet; without it, all servers of this user on this machine.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, the newest first.")
def slow(directory: str | None, *, as_json: bool) -> None:
    """Show the last slow requests of all workers, and what each of them met."""
    import json

    from sidelight.cooperative import run_to_end
    from sidelight.export.slow_requests import slow_request_table
    from sidelight.store.directory import open_existing, own_directories
    from sidelight.store.directory_reader import DirectoryReader
    from sidelight.store.slow_requests import newest

    paths = [directory] if directory else own_directories()
    found = [run_to_end(DirectoryReader(open_existing(path)).slow_requests()) for path in paths]
    records = newest(record for records in found for record in records)
    if as_json:
        for record in records:
            click.echo(json.dumps(record.to_dict()))
    elif records:
        click.echo(slow_request_table(records), nl=False)
    else:
        click.echo("no slow request is stored", err=True)
