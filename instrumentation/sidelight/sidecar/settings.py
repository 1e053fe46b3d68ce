"""The settings of a sidecar, checked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sidelight.errors import SettingsError
from sidelight.serving import bind

HISTORY_EXTRA = "pip install 'sidelight[history]'"
LISTEN = "127.0.0.1:9464"


@dataclass(frozen=True, slots=True)
class SidecarConfig(bind.BindConfig):
    """How one sidecar runs. Build it with `check`.

    ``otlp`` is None where nothing is sent, and empty where OpenTelemetry's own variables name
    the address. ``no_history_reason`` says why there is no history, where there is none.
    """

    directory: str
    otlp: str | None
    no_history_reason: str = "the embedded Prometheus is not started"


def check(  # noqa: PLR0913 one for each option
    directory: str,
    listen: str,
    token_file: str | None,
    hosts: tuple[str, ...],
    otlp: str | None,
    *,
    insecure: bool,
    environ: Mapping[str, str] = os.environ,
) -> SidecarConfig:
    """Check what was given on the command line. Raises `SettingsError`."""
    if not directory:
        raise SettingsError(
            "directory", directory, "names no directory", "--directory /dev/shm/shop"
        )
    host, port, token = bind.parse(listen, token_file, LISTEN, insecure=insecure)
    if otlp is None and exports_by_environment(environ):
        otlp = ""
    return SidecarConfig(host, port, token, hosts, str(Path(directory).absolute()), otlp)


def exports_by_environment(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables ask for an export of metrics.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    """
    exporters = environ.get("OTEL_METRICS_EXPORTER", "").strip() or "otlp"
    if "otlp" not in {name.strip() for name in exporters.split(",")}:
        return False
    names = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    return any(environ.get(name) for name in names)
