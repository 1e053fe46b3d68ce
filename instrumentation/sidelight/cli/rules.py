"""``sidelight rules``: build, check, export."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sidelight.cli.doctor import COLOURS, show

if TYPE_CHECKING:
    from sidelight.slo.rules import Format


@click.group()
def rules() -> None:
    """Make Prometheus rules from the objectives in the settings."""


CONFIG = click.option(
    "--config",
    metavar="FILE",
    help="A sidelight.toml or pyproject.toml. [default: the one in the working directory]",
)


@rules.command()
@CONFIG
@click.option(
    "--format",
    "form",
    type=click.Choice(["prometheus", "operator"]),
    default="prometheus",
    show_default=True,
    help="A file of rules, or a PrometheusRule object for the Prometheus operator.",
)
@click.option(
    "--output", metavar="FILE", help="The file to write to, in place of the standard output."
)
@click.option(
    "--scale",
    default="1",
    metavar="N/M",
    show_default=True,
    help="Multiply every window, interval and 'for' by this, for drills.",
)
def build(config: str | None, form: "Format", output: str | None, scale: str) -> None:
    """Write recording rules and alerts."""
    from sidelight.slo import commands
    from sidelight.slo.objectives import impossible_burn_rates

    service = commands.service(config)
    text = commands.build(service, form, commands.scale(scale))
    for remark in impossible_burn_rates(service):
        click.echo(f"{click.style('warn', fg=COLOURS['warn'], bold=True)}  {remark}", err=True)
    if output is None:
        click.echo(text, nl=False)
    else:
        Path(output).write_text(text, "utf-8")


@rules.command()
@CONFIG
@click.option(
    "--against",
    metavar="URL|FILE",
    help="The /metrics of a running service, to check that it has these routes and buckets.",
)
@click.option("--token-file", metavar="FILE", help="A file with the bearer token of that /metrics.")
def check(config: str | None, against: str | None, token_file: str | None) -> None:
    """Check the objectives and, by promtool, the rules.

    The exit status is 1 if a check has failed.
    """
    from sidelight import bearer_token
    from sidelight.slo import commands

    token = bearer_token.read(token_file) if token_file else None
    failed = show(commands.check(commands.service(config), against, token))
    raise SystemExit(1 if failed else 0)


@rules.command()
@click.argument("directory")
@click.option(
    "--except",
    "but",
    multiple=True,
    metavar="JOB",
    help="A job that has rules of its own. May be repeated.",
)
def export(directory: str, but: tuple[str, ...]) -> None:
    """Write the rules for services without objectives into DIRECTORY."""
    from sidelight.slo import commands

    click.echo(commands.export(directory, but))
