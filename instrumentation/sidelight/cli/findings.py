"""The findings of a check, on the terminal."""

from collections.abc import Iterable
from typing import Final

import click

from sidelight.doctor.finding import Finding

COLOURS: Final = {"ok": "green", "warn": "yellow", "fail": "red"}


def show(findings: Iterable[Finding]) -> bool:
    """Print each finding as soon as it is there. True if one of them is a failure."""
    failed = False
    for level, what, fix in findings:
        failed = failed or level == "fail"
        click.echo(f"{click.style(f'{level:<4}', fg=COLOURS[level], bold=level != 'ok')}  {what}")
        if fix:
            click.echo(f"      fix: {fix}")
    return failed
