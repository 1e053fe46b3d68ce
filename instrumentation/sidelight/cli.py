"""The command ``sidelight``."""

from collections.abc import Iterable
from itertools import chain

import click

from sidelight.doctor.finding import Finding
from sidelight.errors import SidelightError
from sidelight.runtime.about import version

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


def _show(findings: Iterable[Finding]) -> bool:
    failed = False
    for level, what, mend in findings:
        failed = failed or level == "fail"
        click.echo(f"{click.style(f'{level:<4}', fg=COLOURS[level], bold=level != 'ok')}  {what}")
        if mend:
            click.echo(f"      mend: {mend}")
    return failed
