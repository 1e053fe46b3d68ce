"""What the sidecar is started with, checked."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sidelight.errors import SettingsError
from sidelight.sidecar.history_settings import Remembering

LISTEN = "127.0.0.1:9464"
MOST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Sidecar:
    """How one sidecar runs. Build it with `check`.

    ``otlp`` is None where nothing is sent, and empty where OpenTelemetry's own variables say
    where to. ``remembering`` is None where no history is kept; ``forgetful`` says that this was
    asked for.
    """

    directory: str
    host: str
    port: int
    token: str | None
    hosts: tuple[str, ...]
    otlp: str | None
    remembering: Remembering | None = None
    forgetful: bool = False

    @property
    def open(self) -> bool:
        """Whether others than this machine can ask, without a token."""
        return self.token is None and not is_loopback(self.host)


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
    host, port = address(listen)
    if not directory:
        raise SettingsError("directory", directory, "names none", "--directory /dev/shm/shop")
    if token_file is not None and insecure:
        raise SettingsError("insecure", "", "contradicts --token-file", "one of the two")
    token = None if token_file is None else read_token(token_file)
    if token is None and not insecure and not is_loopback(host):
        raise SettingsError(
            "listen",
            listen,
            "is open to other machines, so it needs a token (or --insecure)",
            f"--listen {listen} --token-file /run/secrets/sidelight-token",
        )
    if otlp is None and sends(environ):
        otlp = ""
    return Sidecar(str(Path(directory).absolute()), host, port, token, hosts, otlp)


def address(listen: str) -> tuple[str, int]:
    """Host and port. Raises `SettingsError`."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdecimal()) or int(port) > MOST_PORT:
        raise SettingsError("listen", listen, "must be ADDRESS:PORT", f"--listen {LISTEN}")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def read_token(path: str) -> str:
    """The token in a file, without the space around it. Raises `SettingsError`."""
    example = "--token-file /run/secrets/sidelight-token"
    try:
        token = Path(path).read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise SettingsError("token_file", path, f"can't be read: {error}", example) from error
    if not token or not token.isprintable() or " " in token:
        raise SettingsError("token_file", path, "must hold one word", example)
    return token


def sends(environ: Mapping[str, str]) -> bool:
    """Whether OpenTelemetry's variables ask for metrics to be sent.

    https://opentelemetry.io/docs/specs/otel/protocol/exporter/
    """
    if environ.get("OTEL_METRICS_EXPORTER", "otlp").strip() not in {"", "otlp"}:
        return False
    names = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
    return any(environ.get(name) for name in names)
