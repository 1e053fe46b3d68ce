"""``sidelight why``, which says what is wrong now."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sidelight.why.report import Report
    from sidelight.why.scope import Scope
    from sidelight.why.source import PrometheusApi

SIDECAR = "http://127.0.0.1:9464"


@click.command()
@click.argument("source", default=SIDECAR, metavar="[URL|DIR]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object; docs/why.md describes it.")
@click.option("--job", default="", metavar="NAME", help="Only this job, where there are several.")
@click.option(
    "--window",
    metavar="DURATION",
    help="The time that counts as now. It is compared with 12 windows before. [default: 5m; 10s of "
    "a directory]",
)
@click.option("--token-file", metavar="FILE", help="A file with the bearer token of the source.")
def why(
    source: str, job: str, window: str | None, token_file: str | None, *, as_json: bool
) -> None:
    """Say what is wrong now, and why: one screen of sentences, each with its query.

    URL is a sidecar with a history, or any Prometheus. DIR is the directory that workers share: it
    is read for the window first, and has neither alerts nor an hour before.

    The exit status is 1 where nothing is known.
    """
    import json
    from dataclasses import replace

    from sidelight import bearer_token
    from sidelight.why.diagnosis import diagnose
    from sidelight.why.http_source import HTTPPrometheus
    from sidelight.why.scope import scope

    token = bearer_token.read(token_file) if token_file else None
    if Path(source).is_dir():
        asked = scope(job, window or "10s", time.time())
        api: PrometheusApi = _directory(source, asked)
        asked = replace(asked, now=time.time())
    else:
        asked = scope(job, window or "5m", time.time())
        api = HTTPPrometheus(source, token)
    report = diagnose(api, asked)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else _text(report), nl=as_json)
    raise SystemExit(1 if report.state == "unknown" else 0)


def _directory(path: str, asked: "Scope") -> "PrometheusApi":
    from sidelight.embedded.directory_source import sampled

    click.echo(f"reading {path} for {asked.window:g} s ...", err=True)
    return sampled(path, asked.job, asked.window)


def _text(report: "Report") -> str:
    from sidelight.why.text import screen

    lines = []
    for text, query in screen(report):
        lines.append(text if text.isprintable() else ascii(text))
        if query:
            lines.append(click.style(f"    {query}", dim=True))
    return "".join(f"{line}\n" for line in lines)
