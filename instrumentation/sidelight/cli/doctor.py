"""``sidelight doctor``."""

from itertools import chain
from typing import TYPE_CHECKING

import click

from sidelight.cli.findings import show

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sidelight.doctor.finding import Finding


@click.command()
@click.argument("app", required=False)
@click.option(
    "--prometheus", metavar="URL", help="A Prometheus server to check the scrapes of, too."
)
def doctor(app: str | None, prometheus: str | None) -> None:
    """Check this set-up, and print the fix for each problem.

    APP is MODULE:ATTRIBUTE, an application or a factory, as uvicorn accepts it. It is imported.
    Nothing is changed. The exit status is 1 if a check has failed.
    """
    from sidelight.doctor import application, loading, machine, scrapes

    findings: list[Iterable[Finding]] = [machine.check_machine()]
    if app is not None:
        findings.append(application.check_application(loading.load(app)))
    if prometheus is not None:
        findings.append(scrapes.check_scrapes(prometheus))
    failed = show(chain.from_iterable(findings))
    raise SystemExit(1 if failed else 0)
