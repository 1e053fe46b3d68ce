"""``sidelight sidecar``."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Unpack

import click

from sidelight.cli.options import access_options

if TYPE_CHECKING:
    from sidelight.embedded.settings import Options, Service


@click.command()
@click.option(
    "--directory",
    required=True,
    envvar="SIDELIGHT_DIR",
    metavar="DIR",
    help="The store directory of the service's workers: their SIDELIGHT_DIR.",
)
@access_options(
    "SIDELIGHT", "127.0.0.1:9464", "A file with the bearer token that requests must present."
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
    help="How long samples are kept; 0 keeps none. [default: 1h with the extra]",
)
@click.option(
    "--history-step",
    default="5s",
    envvar="SIDELIGHT_HISTORY_STEP",
    metavar="DURATION",
    show_default=True,
    help="The interval between samples.",
)
@click.option(
    "--history-memory",
    default="64MiB",
    envvar="SIDELIGHT_HISTORY_MEMORY",
    metavar="SIZE",
    show_default=True,
    help="The most memory that the history may use. The oldest samples are removed first.",
)
@click.option(
    "--job",
    envvar="SIDELIGHT_JOB",
    metavar="NAME",
    help="The label job of the samples. [default: the service's name]",
)
@click.option(
    "--instance",
    envvar="SIDELIGHT_INSTANCE",
    metavar="NAME",
    help="The label instance of the samples. [default: the address that is listened on]",
)
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(),
    envvar="SIDELIGHT_RULES",
    metavar="FILE",
    help="Evaluate these rules, in place of those of the service's objectives.",
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
    from sidelight.embedded import settings as history_settings
    from sidelight.settings import load
    from sidelight.sidecar import logs, server, settings

    checked = replace(
        settings.check(directory, listen, token_file, hosts, otlp, insecure=insecure),
        remembering=history_settings.check(
            partial(service, ruled=not remembering["rules"]), **remembering
        ),
        forgetful=remembering["history"] is not None,
    )
    logs.configure()
    server.run(checked, load({"directory": checked.directory}))


def service(*, ruled: bool) -> "Service":
    """The service in the settings of the working directory, with its rules where ``ruled``."""
    from sidelight.embedded.settings import Service
    from sidelight.slo import commands
    from sidelight.slo.context import RuleContext
    from sidelight.slo.rules import groups

    of = commands.service(None)
    return Service(groups(RuleContext(of)) if ruled else [], commands.labels_of(of))
