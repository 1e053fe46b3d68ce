"""``sidelight sidecar`` and ``sidelight viewer``, which serve HTTP."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import click

if TYPE_CHECKING:
    from sidelight.embedded.settings import HistoryOptions, ServiceRules

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def access_options(prefix: str, default_address: str, token_help: str) -> Decorator:
    """Add ``listen``, ``token_file``, ``hosts`` and ``insecure`` to a command.

    ``prefix`` is that of the environment variables, such as ``SIDELIGHT_VIEWER``.
    """
    options = (
        click.option(
            "--listen",
            default=default_address,
            envvar=f"{prefix}_LISTEN",
            metavar="ADDRESS:PORT",
            show_default=True,
            help="The address to listen on. An address other than loopback requires a token.",
        ),
        click.option(
            "--token-file",
            envvar=f"{prefix}_TOKEN_FILE",
            metavar="FILE",
            help=token_help,
        ),
        click.option(
            "--insecure",
            is_flag=True,
            envvar=f"{prefix}_INSECURE",
            help="Serve other machines without a token.",
        ),
        click.option(
            "--allowed-host",
            "hosts",
            multiple=True,
            callback=_names,
            envvar=f"{prefix}_ALLOWED_HOSTS",
            metavar="NAME",
            help="A host name that requests may use, besides localhost and IP addresses.",
        ),
    )

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def _names(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Split the names that one environment variable lists, by commas or spaces."""
    return tuple(name for text in given for name in text.replace(",", " ").split())


@click.command()
@click.option(
    "--directory",
    required=True,
    envvar="SIDELIGHT_DIR",
    show_envvar=True,
    metavar="DIR",
    help="The directory that the service's workers share, such as /dev/shm/shop.",
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
    """What the file of settings says of the service; its rules where ``ruled``."""
    from sidelight.embedded.settings import ServiceRules
    from sidelight.slo import commands, config
    from sidelight.slo.context import RuleContext
    from sidelight.slo.rules import groups

    of = config.read(commands.configuration(None).table)
    classic = RuleContext(of, native=False)  # as the history stores histograms
    return ServiceRules(groups(classic) if ruled else [], commands.labels_of(of))


@click.command()
@access_options(
    "SIDELIGHT_VIEWER",
    "127.0.0.1:9465",
    "A file with the bearer token, which is sent to the sidecar and Prometheus and required of "
    "the viewer's clients.",
)
@click.option(
    "--sidecar",
    envvar="SIDELIGHT_VIEWER_SIDECAR",
    default="http://127.0.0.1:9464",
    show_default=True,
    metavar="URL",
    help="The address of the sidecar, which has the history and the slow requests.",
)
@click.option(
    "--prometheus",
    envvar="SIDELIGHT_VIEWER_PROMETHEUS",
    metavar="URL",
    help="A Prometheus server to query in place of the sidecar's history.",
)
@click.option(
    "--step",
    envvar="SIDELIGHT_VIEWER_STEP",
    metavar="DURATION",
    help="The interval of scrapes, if it is not 15s; if it is shorter, also that of rules.",
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
    """Serve the dashboards to a browser, without Grafana."""
    from sidelight.embedded.viewer import settings

    checked = settings.check(
        listen, sidecar, prometheus, token_file, hosts, insecure=insecure, step=step
    )
    settings.require_extra()
    from sidelight.embedded.viewer import server

    server.run(checked)
