"""``sidelight rules``: build, check."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sidelight.cli.doctor import show

if TYPE_CHECKING:
    from sidelight.slo.rules import Format


@click.group()
def rules() -> None:
    """Make Prometheus rules from the objectives in the settings."""


CONFIG = click.option(
    "--config",
    metavar="FILE",
    help="A sidelight.toml or pyproject.toml. [default: that of SIDELIGHT_CONFIG, or of the "
    "working directory]",
)


@rules.command()
@CONFIG
@click.option(
    "--all-jobs",
    is_flag=True,
    help="Rules for every job, with an availability objective of 99 %.",
)
@click.option(
    "--except",
    "but",
    multiple=True,
    metavar="JOB",
    help="A job that --all-jobs leaves out, because it has rules of its own. May be repeated.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["prometheus", "operator"]),
    default="prometheus",
    show_default=True,
    help="A file of rules, or a PrometheusRule object for the Prometheus operator.",
)
@click.option(
    "--classic-histograms",
    "classic",
    is_flag=True,
    help="Read no native histograms, for an engine without PromQL's functions of them, such as "
    "vmalert.",
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
def build(  # noqa: PLR0913 one for each option
    config: str | None,
    but: tuple[str, ...],
    form: "Format",
    output: str | None,
    scale: str,
    *,
    all_jobs: bool,
    classic: bool,
) -> None:
    """Write recording rules and alerts."""
    from sidelight.slo import commands

    if but and not all_jobs:
        raise click.UsageError("--except is about --all-jobs: sidelight rules build --all-jobs ...")
    service = commands.every_job(config, but) if all_jobs else commands.service(config)
    text = commands.build(service, form, commands.scale(scale), native=not classic)
    show(commands.remarks(service), err=True)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write(Path(output), text)


def _write(file: Path, text: str) -> None:
    from sidelight.errors import SettingsError, cause

    try:
        file.write_text(text, "utf-8")
    except OSError as error:
        folder = file.absolute().parent
        example = "--output rules.yml" if folder.is_dir() else f"mkdir -p {folder}"
        raise SettingsError("--output", str(file), cause(error), example) from error


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
