"""The address that a server listens on, and the token that it requires."""

import ipaddress
from dataclasses import dataclass

from sidelight import bearer_token
from sidelight.errors import SettingsError

MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class BindConfig:
    """An address, the token that clients must send (if any), and the host names they may use."""

    host: str
    port: int
    token: str | None
    hosts: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Whether other machines can send requests without a token."""
        return self.token is None and not is_loopback(self.host)


def parse(
    listen: str, token_file: str | None, default: str, *, insecure: bool
) -> tuple[str, int, str | None]:
    """The host, port and token. Raises `SettingsError`, whose example is the ``default``."""
    host, port = address(listen, default)
    if token_file is not None and insecure:
        raise SettingsError("insecure", "", "contradicts --token-file", "one of the two")
    token = None if token_file is None else bearer_token.read(token_file)
    if token is None and not insecure and not is_loopback(host):
        raise SettingsError(
            "listen",
            listen,
            "is open to other machines, so it needs a token (or --insecure)",
            f"--listen {listen} {bearer_token.FILE_EXAMPLE}",
        )
    return host, port, token


def address(listen: str, default: str) -> tuple[str, int]:
    """The host and the port of ``ADDRESS:PORT``. Raises `SettingsError`."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdecimal()) or int(port) > MAX_PORT:
        raise SettingsError("listen", listen, "must be ADDRESS:PORT", f"--listen {default}")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
