"""The settings of the viewer, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from sidelight.durations import to_seconds
from sidelight.errors import SettingsError, SidelightError
from sidelight.serving import bind

LISTEN = "127.0.0.1:9465"
SIDECAR = "http://127.0.0.1:9464"
PROMETHEUS = "http://127.0.0.1:9090"
MIN_STEP = 1.0
Login = tuple[str, str]
"""A user and a password."""


@dataclass(frozen=True, slots=True)
class ViewerSettings(bind.BindConfig):
    """The settings of one viewer. Build them with `check`.

    ``token`` is sent to the sidecar and to Prometheus, and required of the viewer's clients.
    ``step`` is the interval of scrapes in seconds; None if it is Grafana's default. ``logins`` has
    the users and passwords of the addresses, which are shown without.
    """

    sidecar: str
    prometheus: str | None
    step: float | None = None
    logins: Mapping[str, Login] = field(default_factory=dict, repr=False)

    @property
    def metrics_url(self) -> str:
        """The address of the server that queries are sent to."""
        return self.prometheus or self.sidecar


def check(  # noqa: PLR0913 one for each option
    listen: str,
    sidecar: str,
    prometheus: str | None,
    token_file: str | None,
    hosts: tuple[str, ...],
    *,
    insecure: bool,
    step: str | None = None,
) -> ViewerSettings:
    """Check the options of the command line. Raises `SettingsError`."""
    host, port, token = bind.parse(listen, token_file, LISTEN, insecure=insecure)
    logins: dict[str, Login] = {}
    sidecar = _url("sidecar", sidecar, SIDECAR, logins)
    if prometheus is not None:
        prometheus = _url("prometheus", prometheus, PROMETHEUS, logins)
    return ViewerSettings(host, port, token, hosts, sidecar, prometheus, _step(step), logins)


def _step(given: str | None) -> float | None:
    try:
        step = None if given is None else to_seconds(given)
    except ValueError:
        step = 0
    if step is not None and step < MIN_STEP:
        raise SettingsError("step", given, "must be a duration of at least 1s", "--step 5s")
    return step


def _url(key: str, given: str, example: str, logins: dict[str, Login]) -> str:
    """The address without its user and password, which are added to ``logins``."""
    try:
        parts = urlsplit(given)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment:
        shown = re.sub("//.*@", "//...@", given)
        raise SettingsError(key, shown, "must be an http or https address", f"--{key} {example}")
    login, at, _ = parts.netloc.rpartition("@")
    url = given.replace(login + at, "", 1).rstrip("/")
    if at:
        logins[url] = unquote(parts.username or ""), unquote(parts.password or "")
    return url


def require_extra() -> None:
    """Check that the packages of the extra are installed. Raises `SidelightError`."""
    missing = [name for name in ("httpx", "nicegui", "uvicorn") if find_spec(name) is None]
    if missing:
        raise SidelightError(
            f"the viewer needs {', '.join(missing)}: pip install 'sidelight[viewer]'"
        )
