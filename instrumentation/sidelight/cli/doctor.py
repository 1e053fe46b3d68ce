"""``sidelight doctor``, and the findings of a check on the terminal."""

from collections.abc import Iterable
from itertools import chain
from typing import Final

import click

from sidelight.doctor.finding import Finding

COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


def show(findings: Iterable[Finding], *, err: bool = False) -> bool:
    """Print each finding as soon as it is there. True if one of them is a failure."""
    failed = False
    for level, what, fix in findings:
        failed = failed or level == "fail"
        word = click.style(f"{level:<4}", fg=COLOURS[level], bold=level != "ok")
        click.echo(f"{word}  {what}", err=err)
        if fix:
            click.echo(f"      fix: {fix}", err=err)
    return failed


@click.command()
@click.pass_context
@click.argument("app", required=False)
@click.option(
    "--prometheus", metavar="URL", help="A Prometheus server to check the scrapes of, too."
)
def doctor(context: click.Context, app: str | None, prometheus: str | None) -> None:
    """Check this set-up, and print the fix for each problem.

    APP is MODULE:ATTRIBUTE, an application or a factory, as uvicorn accepts it. It is imported.
    Nothing is changed. The exit status is 1 if a check has failed.
    """
    from sidelight.doctor import application, loading, machine, scrapes

    commands = context.find_root().command
    findings: list[Iterable[Finding]] = [machine.check_machine(of_commands=_variables(commands))]
    if app is not None:
        findings.append(application.check_application(loading.load(app)))
    if prometheus is not None:
        findings.append(scrapes.check_scrapes(prometheus))
    failed = show(chain.from_iterable(findings))
    raise SystemExit(1 if failed else 0)


def _variables(command: click.Command) -> set[str]:
    """The environment variables of a command's options, and of its sub-commands'."""
    found = {str(option.envvar) for option in command.params if option.envvar}
    for sub in getattr(command, "commands", {}).values():
        found |= _variables(sub)
    return found
