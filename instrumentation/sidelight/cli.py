"""The command ``sidelight``."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from sidelight.doctor.finding import Finding
from sidelight.errors import SidelightError
from sidelight.runtime.about import version

if TYPE_CHECKING:
    from sidelight.sidecar.history_settings import Options
    from sidelight.slo.rules import Format

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.group()
@click.version_option(version("sidelight"), prog_name="sidelight")
def main() -> None:
    """See what a FastAPI service is doing, and why it is slow."""


@main.command()
@click.argument("app", required=False)
@click.option("--prometheus", metavar="URL", help="Also ask this Prometheus what it scrapes.")
def doctor(app: str | None, prometheus: str | None) -> None:
    """Say what is wrong with this set-up, each with the line that mends it.

    APP is MODULE:ATTRIBUTE, as uvicorn takes it. It is imported, and nothing is changed.
    Exits with 1 when something has failed.
    """
    from sidelight.doctor import application, machine, scrapes

    findings: list[Iterable[Finding]] = [machine.check_machine()]
    try:
        if app is not None:
            findings.append(application.check_application(application.find(app)))
        if prometheus is not None:
            findings.append(scrapes.check_scrapes(prometheus))
        failed = _show(chain.from_iterable(findings))
    except SidelightError as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(1 if failed else 0)


@main.command()
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

    from sidelight.export.slow import table
    from sidelight.store.directory import existing, own
    from sidelight.store.slow import newest
    from sidelight.store.steps import result
    from sidelight.store.view import View

    try:
        paths = [directory] if directory else own()
        found = [result(View(existing(path)).slow()) for path in paths]
    except SidelightError as error:
        raise click.ClickException(str(error)) from error
    records = newest(record for records in found for record in records)
    if as_json:
        for record in records:
            click.echo(json.dumps(record.facts()))
    elif records:
        click.echo(table(records), nl=False)
    else:
        click.echo("no slow request is remembered", err=True)


@main.command()
@click.option(
    "--directory",
    required=True,
    envvar="SIDELIGHT_DIR",
    metavar="DIR",
    help="Where the service's workers meet: their SIDELIGHT_DIR.",
)
@click.option(
    "--listen",
    default="127.0.0.1:9464",
    envvar="SIDELIGHT_LISTEN",
    metavar="ADDRESS:PORT",
    show_default=True,
    help="Any other than a loopback address needs a token.",
)
@click.option(
    "--token-file",
    envvar="SIDELIGHT_TOKEN_FILE",
    metavar="FILE",
    help="A file with the bearer token that /metrics asks for.",
)
@click.option(
    "--insecure",
    is_flag=True,
    envvar="SIDELIGHT_INSECURE",
    help="Other machines may read without a token.",
)
@click.option(
    "--allowed-host",
    "hosts",
    multiple=True,
    envvar="SIDELIGHT_ALLOWED_HOSTS",
    metavar="NAME",
    help="A name this sidecar is reached by; addresses and localhost always are.",
)
@click.option(
    "--otlp",
    envvar="SIDELIGHT_OTLP",
    metavar="URL",
    help="Also send the metrics to this OpenTelemetry endpoint (OTLP over HTTP).",
)
@click.option(
    "--history",
    envvar="SIDELIGHT_HISTORY",
    metavar="DURATION",
    help="How long samples are remembered, 0 for not at all. [default: 1h with the extra]",
)
@click.option(
    "--history-step",
    default="5s",
    envvar="SIDELIGHT_HISTORY_STEP",
    metavar="DURATION",
    show_default=True,
    help="From one sample to the next.",
)
@click.option(
    "--history-memory",
    default="64MiB",
    envvar="SIDELIGHT_HISTORY_MEMORY",
    metavar="SIZE",
    show_default=True,
    help="Most memory of the history; its oldest samples go first.",
)
@click.option(
    "--job",
    envvar="SIDELIGHT_JOB",
    metavar="NAME",
    help="The label of its samples; else the service's name.",
)
@click.option(
    "--instance",
    envvar="SIDELIGHT_INSTANCE",
    metavar="NAME",
    help="The label of its samples; else the address it listens on.",
)
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(),
    envvar="SIDELIGHT_RULES",
    metavar="FILE",
    help="Evaluate these rules, and not those of the service's objectives.",
)
def sidecar(  # noqa: PLR0913 one for each option
    directory: str,
    listen: str,
    token_file: str | None,
    hosts: tuple[str, ...],
    otlp: str | None,
    *,
    insecure: bool,
    **remembering: Unpack["Options"],
) -> None:
    """Serve the metrics of all workers from a process of its own.

    It answers while the service can't, and changes nothing in it.
    """
    from sidelight.settings import load
    from sidelight.sidecar import history_settings, logs, server, settings
    from sidelight.slo import commands
    from sidelight.slo.plan import Plan
    from sidelight.slo.rules import groups

    names = tuple(name for text in hosts for name in text.replace(",", " ").split())
    try:
        of = commands.service(None)
        own = history_settings.Service(groups(Plan(of)), commands.known_by(of))
        remembered = history_settings.check(own, **remembering)
        checked = replace(
            settings.check(directory, listen, token_file, names, otlp, insecure=insecure),
            remembering=remembered,
            forgetful=remembering["history"] is not None,
        )
        logs.configure()
        server.run(checked, load({"directory": checked.directory}))
    except SidelightError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option(
    "--listen",
    envvar="SIDELIGHT_VIEWER_LISTEN",
    default="127.0.0.1:9465",
    show_default=True,
    metavar="ADDRESS:PORT",
    help="Where to serve.",
)
@click.option(
    "--sidecar",
    envvar="SIDELIGHT_VIEWER_SIDECAR",
    default="http://127.0.0.1:9464",
    show_default=True,
    metavar="URL",
    help="The sidecar whose history and slow requests are shown.",
)
@click.option(
    "--prometheus",
    envvar="SIDELIGHT_VIEWER_PROMETHEUS",
    metavar="URL",
    help="Ask this server for metrics, and the sidecar only for slow requests.",
)
@click.option(
    "--token-file",
    envvar="SIDELIGHT_VIEWER_TOKEN_FILE",
    metavar="FILE",
    help="A file with the bearer token of what is read; whoever looks is asked for it too.",
)
@click.option(
    "--allowed-host",
    "hosts",
    envvar="SIDELIGHT_VIEWER_ALLOWED_HOSTS",
    multiple=True,
    metavar="NAME",
    help="A name that the viewer is reached by, besides localhost and addresses.",
)
@click.option(
    "--step",
    envvar="SIDELIGHT_VIEWER_STEP",
    metavar="DURATION",
    help="How often scrapes and rules are, where that is more often than every 15s and 1m.",
)
@click.option(
    "--insecure",
    envvar="SIDELIGHT_VIEWER_INSECURE",
    is_flag=True,
    help="Serve without a token, though other machines reach the address.",
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
    """Draw the dashboards in a browser, without Grafana, in a process of its own."""
    from sidelight.viewer import settings

    names = tuple(name for text in hosts for name in text.replace(",", " ").split())
    try:
        checked = settings.check(
            listen, sidecar, prometheus, token_file, names, insecure=insecure, step=step
        )
        settings.need_extra()
        from sidelight.viewer import server

        server.run(checked)
    except SidelightError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--port", default=0, help="Of the viewer, on 127.0.0.1; 0 is 9465 or any free one.")
@click.option("--minutes", type=float, help="How long; 60, or the story once with --headless.")
@click.option(
    "--headless",
    "folder",
    metavar="DIR",
    help="Write pictures of every page into DIR, in each part of the story.",
)
def demo(port: int, minutes: float | None, folder: str | None) -> None:
    """Show a shop that something happens to, in its dashboards. Ctrl-C stops it all."""
    import asyncio

    from sidelight.viewer.settings import need_extra

    try:
        need_extra()
        from sidelight.demo import play, shots, story

        if folder is not None:
            shots.check()
        length = minutes or (60.0 if folder is None else story.LENGTH / 60)
        asyncio.run(play.play(port, length, None if folder is None else Path(folder)))
    except SidelightError as error:
        raise click.ClickException(str(error)) from error


@main.group()
def rules() -> None:
    """Make Prometheus's rules from the objectives in the settings."""


CONFIG = click.option(
    "--config",
    metavar="FILE",
    help="A sidelight.toml or pyproject.toml; else the working directory's own.",
)


@rules.command()
@CONFIG
@click.option(
    "--format",
    "form",
    type=click.Choice(["prometheus", "operator"]),
    default="prometheus",
    show_default=True,
    help="A file of rules, or a PrometheusRule for the operator.",
)
@click.option("--output", metavar="FILE", help="Write there, and not to the terminal.")
@click.option(
    "--scale",
    default="1",
    metavar="N/M",
    show_default=True,
    help="Shorten every window, interval and wait alike, for drills.",
)
def build(config: str | None, form: "Format", output: str | None, scale: str) -> None:
    """Write recording rules and alerts."""
    from sidelight.slo import commands
    from sidelight.slo.objectives import remarks

    try:
        service = commands.service(config)
        text = commands.build(service, form, commands.scale(scale))
        for remark in remarks(service):
            click.echo(f"{click.style('warn', fg=COLOURS['warn'], bold=True)}  {remark}", err=True)
        if output is None:
            click.echo(text, nl=False)
        else:
            Path(output).write_text(text, "utf-8")
    except (SidelightError, OSError) as error:
        raise click.ClickException(str(error)) from error


@rules.command()
@CONFIG
@click.option(
    "--against",
    metavar="URL|FILE",
    help="Also look whether a running service's /metrics has these routes and buckets.",
)
@click.option("--token-file", metavar="FILE", help="A file with the bearer token of that page.")
def check(config: str | None, against: str | None, token_file: str | None) -> None:
    """Say what is wrong with the objectives, and let promtool read the rules.

    Exits with 1 when something is.
    """
    from sidelight.slo import commands

    try:
        token = Path(token_file).read_text("utf-8").strip() if token_file else None
        failed = _show(commands.check(commands.service(config), against, token))
    except (SidelightError, OSError) as error:
        raise click.ClickException(str(error)) from error
    raise SystemExit(1 if failed else 0)


@rules.command()
@click.argument("directory")
@click.option(
    "--except",
    "but",
    multiple=True,
    metavar="JOB",
    help="A job that has rules of its own; may be repeated.",
)
def export(directory: str, but: tuple[str, ...]) -> None:
    """Write the rules for services without objectives into DIRECTORY."""
    from sidelight.slo import commands

    try:
        click.echo(commands.export(directory, but))
    except SidelightError as error:
        raise click.ClickException(str(error)) from error


@main.group()
def dashboards() -> None:
    """Grafana's dashboards for what Sidelight measures."""


@dashboards.command("export")
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False))
def export_dashboards(folder: str) -> None:
    """Write the dashboards into DIR, as JSON that Grafana imports and provisions."""
    from sidelight.boards import write

    try:
        for path in write(folder):
            click.echo(path)
    except (OSError, SidelightError) as error:
        raise click.ClickException(str(error)) from error


def _show(findings: Iterable[Finding]) -> bool:
    failed = False
    for level, what, mend in findings:
        failed = failed or level == "fail"
        click.echo(f"{click.style(f'{level:<4}', fg=COLOURS[level], bold=level != 'ok')}  {what}")
        if mend:
            click.echo(f"      mend: {mend}")
    return failed
