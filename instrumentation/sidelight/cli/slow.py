"""``sidelight slow``, which shows the last slow requests as a table."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sidelight.cli.table import table

if TYPE_CHECKING:
    from sidelight.store.slow_requests import SlowRequest

HEAD = (
    "when",
    "seconds",
    "request",
    "status",
    "first byte",
    "loop blocked",
    "waiting",
    "time by phase",
)


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


def slow_request_table(records: Iterable["SlowRequest"]) -> str:
    """One line a request; a dash for what is not known."""
    return table([HEAD, *(_row(record) for record in records)])


def _row(record: "SlowRequest") -> tuple[str, ...]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.when))
    phases = sorted((record.phases or {}).items(), key=lambda phase: -phase[1])
    spent = ", ".join(f"{name} {_seconds(value)}" for name, value in phases)
    trace = f"trace {record.trace_id}" if record.trace_id else ""
    return (
        when,
        _seconds(record.seconds),
        _safe(f"{record.method} {record.path or record.route or '(no route)'}"),
        str(record.status or "-"),
        _seconds(record.first_byte),
        _seconds(record.loop_blocked),
        "-" if record.threads_waiting is None else str(record.threads_waiting),
        _safe("; ".join(filter(None, (spent, trace))) or "-"),
    )


def _safe(text: str) -> str:
    """Text without control characters, which a client or a file may contain."""
    return text if text.isprintable() else ascii(text)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
