"""What a check has found, on the terminal."""

from collections.abc import Iterable
from typing import Final

import click

from sidelight.doctor.finding import Finding

COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


def show(findings: Iterable[Finding]) -> bool:
    """Print each as it is found; whether one of them is a failure."""
    failed = False
    for level, what, mend in findings:
        failed = failed or level == "fail"
        click.echo(f"{click.style(f'{level:<4}', fg=COLOURS[level], bold=level != 'ok')}  {what}")
        if mend:
            click.echo(f"      mend: {mend}")
    return failed
