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
@click.option("--prometheus", metavar="URL", help="Also ask this Prometheus what it scrapes.")
def doctor(app: str | None, prometheus: str | None) -> None:
    """Say what is wrong with this set-up, each with the line that mends it.

    APP is MODULE:ATTRIBUTE, as uvicorn takes it. It is imported, and nothing is changed.
    Exits with 1 when something has failed.
    """
    from sidelight.doctor import application, machine, scrapes

    findings: list[Iterable[Finding]] = [machine.check_machine()]
    if app is not None:
        findings.append(application.check_application(application.find(app)))
    if prometheus is not None:
        findings.append(scrapes.check_scrapes(prometheus))
    failed = show(chain.from_iterable(findings))
    raise SystemExit(1 if failed else 0)
