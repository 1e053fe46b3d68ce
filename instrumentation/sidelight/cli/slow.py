"""``sidelight slow``, which shows the last slow requests as a table."""

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sidelight.cli.table import table

if TYPE_CHECKING:
    from sidelight.store.blocked_loop import BlockedLoop
    from sidelight.store.slow_filter import SlowRequestFilter
    from sidelight.store.slow_groups import SlowGroup
    from sidelight.store.slow_requests import SlowRequest
    from sidelight.store.waiting_requests import WaitingRequest

HEAD = (
    "when",
    "seconds",
    "request",
    "status",
    "first byte",
    "queued",
    "loop blocked",
    "waiting",
    "time by phase",
    "waited",
    "waited at",
    "blocked by",
)
GROUP_HEAD = ("requests", "mean", "longest", "routes", "cause")


@click.command()
@click.argument("source", required=False, envvar="SIDELIGHT_DIR", metavar="[URL|DIR]")
@click.option(
    "--route",
    default="",
    metavar="ROUTE",
    help="Only those of a route, such as '/orders/{id}' or 'GET /orders/{id}'.",
)
@click.option("--since", default="", metavar="DURATION", help="Only the last, such as 15m.")
@click.option("-n", "--limit", default="", metavar="NUMBER", help="Only the newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, the newest first.")
@click.option("--token-file", metavar="FILE", help="A file with the bearer token of the sidecar.")
def slow(  # noqa: PLR0913 one for each option
    source: str | None,
    route: str,
    since: str,
    limit: str,
    token_file: str | None,
    *,
    as_json: bool,
) -> None:
    """Show the last slow requests of all workers, and what each of them met.

    URL is a sidecar; DIR is the directory that workers share. Without either these are all servers
    of this user on this machine.
    """
    import json

    from sidelight import bearer_token
    from sidelight.cli.slow_source import read
    from sidelight.store.slow_filter import parsed

    wanted = parsed({"route": route, "since": since, "limit": limit})
    found = read(source, bearer_token.read(token_file) if token_file else None)
    records = wanted.select(found.requests)
    if as_json:
        for record in records:
            click.echo(json.dumps(record.to_dict()))
        return
    click.echo(blocked_lines(found.blocked) + waiting_lines(found.in_flight), nl=False)
    if records:
        click.echo(causes_table(records) + "\n" + slow_request_table(records), nl=False)
    else:
        click.echo(_nothing(wanted, found.requests), err=True)


def blocked_lines(loops: Iterable["BlockedLoop"]) -> str:
    """One line for each event loop that is blocked now."""
    return "".join(
        f"worker {loop.worker} is blocked for {loop.seconds:.3f} s so far "
        f"by {_safe(loop.blocked_by)}\n"
        for loop in loops
    )


def waiting_lines(requests: Iterable["WaitingRequest"]) -> str:
    """One line for the oldest request in flight of each route and worker."""
    return "".join(
        f"worker {request.worker} has a request of {_safe(request.route or '(no route)')} in "
        f"flight for {request.seconds:.3f} s so far, which waits at {_safe(request.waits_at)}\n"
        for request in requests
    )


def causes_table(records: Iterable["SlowRequest"]) -> str:
    """One line for each cause: first those of several requests, and below those of one."""
    from sidelight.store.slow_groups import groups

    return table([GROUP_HEAD, *map(_group_row, groups(records))])


def _group_row(group: "SlowGroup") -> tuple[str, ...]:
    more = group.route_count - len(group.routes)
    routes = ", ".join(group.routes) + (f" and {more} more" if more else "")
    figures = str(group.count), _seconds(group.mean), _seconds(group.longest)
    return *figures, _safe(routes), _safe(group.cause or "not known")


def slow_request_table(records: Iterable["SlowRequest"]) -> str:
    """One line a request; a dash for what is not known."""
    return table([HEAD, *map(_row, records)])


def _nothing(wanted: "SlowRequestFilter", everything: list["SlowRequest"]) -> str:
    """Why no request is shown, with the nearest route that has one."""
    from sidelight.nearest import nearest

    if not everything:
        return "no slow request is stored"
    routes = {record.route for record in everything}
    routes |= {f"{record.method} {record.route}" for record in everything}
    if not wanted.route or wanted.route in routes:
        return f"no slow request of these is stored; of all routes and times: {len(everything)}"
    near = nearest(wanted.route, sorted(routes))
    other = f"the nearest that has one is {near!r}" if near else f"for example {min(routes)!r} has"
    return f"no slow request of the route {wanted.route!r} is stored; {other}"


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
        _seconds(record.queued),
        _seconds(record.loop_blocked),
        "-" if record.threads_waiting is None else str(record.threads_waiting),
        _safe("; ".join(filter(None, (spent, trace))) or "-"),
        _seconds(record.waited),
        _safe(record.waited_at or "-"),
        _safe(record.blocked_by or "-"),
    )


def _safe(text: str) -> str:
    """Text without control characters, which a client or a file may contain."""
    return text if text.isprintable() else ascii(text)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
