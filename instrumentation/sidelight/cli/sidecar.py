"""``sidelight sidecar``."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Unpack

import click

from sidelight.cli.options import access_options

if TYPE_CHECKING:
    from sidelight.embedded.settings import HistoryOptions, ServiceRules


@click.command()
@click.option(
    "--directory",
    required=True,
    envvar="SIDELIGHT_DIR",
    metavar="DIR",
    help="Where the service's workers meet: their SIDELIGHT_DIR.",
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
    help="The span of the history, such as 1h30m; 0 turns it off. [default: 1h with the extra]",
)
@click.option(
    "--history-step",
    default="5s",
    envvar="SIDELIGHT_HISTORY_STEP",
    metavar="DURATION",
    show_default=True,
    help="The interval between two samples.",
)
@click.option(
    "--history-memory",
    default="64MiB",
    envvar="SIDELIGHT_HISTORY_MEMORY",
    metavar="SIZE",
    show_default=True,
    help="The memory of the history; the oldest samples are dropped first.",
)
@click.option(
    "--job",
    envvar="SIDELIGHT_JOB",
    metavar="NAME",
    help="The label job of the samples; otherwise the name of the service.",
)
@click.option(
    "--instance",
    envvar="SIDELIGHT_INSTANCE",
    metavar="NAME",
    help="The label instance of the samples; otherwise the address that it listens on.",
)
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(),
    envvar="SIDELIGHT_RULES",
    metavar="FILE",
    help="Evaluate these rules instead of those of the service's objectives.",
)
def sidecar(  # noqa: PLR0913 one for each option
    directory: str,
    listen: str,
    token_file: str | None,
    hosts: tuple[str, ...],
    otlp: str | None,
    *,
    insecure: bool,
    **remembering: Unpack["HistoryOptions"],
) -> None:
    """Serve the metrics of all workers from a process of its own.

    It answers while the service can't, and changes nothing in it.
    """
    from sidelight.embedded import settings as history_settings
    from sidelight.settings import load
    from sidelight.sidecar import logs, server, settings

    config = settings.check(directory, listen, token_file, hosts, otlp, insecure=insecure)
    history = history_settings.check(
        partial(service, ruled=not remembering["rules"]), **remembering
    )
    embed = None
    if history is not None:
        from sidelight.embedded.prometheus import EmbeddedPrometheus

        embed = partial(EmbeddedPrometheus, history)
    elif remembering["history"] is None:
        config = replace(config, no_history_reason=f"it needs {settings.HISTORY_EXTRA}")
    else:
        config = replace(config, no_history_reason="it is turned off by --history 0")
    logs.configure()
    server.run(config, load({"directory": config.directory}), embed)


def service(*, ruled: bool) -> "ServiceRules":
    """What the settings of the working directory say of the service; its rules where ``ruled``."""
    from sidelight.embedded.settings import ServiceRules
    from sidelight.slo import commands
    from sidelight.slo.context import RuleContext
    from sidelight.slo.rules import groups

    of = commands.service(None)
    return ServiceRules(groups(RuleContext(of)) if ruled else [], commands.labels_of(of))
