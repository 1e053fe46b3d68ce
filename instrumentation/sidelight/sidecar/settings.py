"""What the sidecar is started with, checked."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sidelight.embedded.settings import Remembering
from sidelight.errors import SettingsError
from sidelight.serving import bind

LISTEN = "127.0.0.1:9464"


@dataclass(frozen=True, slots=True)
class Sidecar(bind.BindConfig):
    """How one sidecar runs. Build it with `check`.

    ``otlp`` is None where nothing is sent, and empty where OpenTelemetry's own variables say
    where to. ``remembering`` is None where no history is kept; ``forgetful`` says that this was
    asked for.
    """

    directory: str
    otlp: str | None
    remembering: Remembering | None = None
    forgetful: bool = False


def check(  # noqa: PLR0913 one for each option
    directory: str,
    listen: str,
    token_file: str | None,
    hosts: tuple[str, ...],
    otlp: str | None,
    *,
    insecure: bool,
    environ: Mapping[str, str] = os.environ,
) -> Sidecar:
    """Check what was given on the command line. Raises `SettingsError`."""
    if not directory:
        raise SettingsError("directory", directory, "names none", "--directory /dev/shm/shop")
    host, port, token = bind.parse(listen, token_file, LISTEN, insecure=insecure)
    if otlp is None and sends(environ):
        otlp = ""
    return Sidecar(host, port, token, hosts, str(Path(directory).absolute()), otlp)


def sends(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables ask for metrics to be sent.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    """
    if environ.get("OTEL_METRICS_EXPORTER", "otlp").strip() not in {"", "otlp"}:
        return False
    names = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    return any(environ.get(name) for name in names)
