"""What the viewer is started with, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from sidelight.embedded.viewer.times import seconds
from sidelight.errors import SettingsError, SidelightError
from sidelight.serving import bind

LISTEN = "127.0.0.1:9465"
SIDECAR = "http://127.0.0.1:9464"
LEAST_STEP = 1.0
Login = tuple[str, str]
"""A user and a password."""


@dataclass(frozen=True, slots=True)
class Viewer(bind.BindConfig):
    """How one viewer runs. Build it with `check`.

    ``token`` is sent to what it reads, and asked of whoever opens it. ``step`` is how often, in
    seconds, scrapes and rules are; None where that is what the dashboards take it to be.
    ``logins`` are those that addresses came with: readers are shown the addresses.
    """

    sidecar: str
    prometheus: str | None
    step: float | None = None
    logins: Mapping[str, Login] = field(default_factory=dict, repr=False)

    @property
    def metrics(self) -> str:
        """Whose HTTP API is asked."""
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
) -> Viewer:
    """Check what was given on the command line. Raises `SettingsError`."""
    host, port, token = bind.parse(listen, token_file, LISTEN, insecure=insecure)
    logins: dict[str, Login] = {}
    checked = _url("sidecar", sidecar, SIDECAR, logins)
    source = (
        None
        if prometheus is None
        else _url("prometheus", prometheus, "http://127.0.0.1:9090", logins)
    )
    return Viewer(host, port, token, hosts, checked, source, _step(step), logins)


def _step(given: str | None) -> float | None:
    try:
        found = None if given is None else seconds(given)
    except ValueError:
        found = 0
    if found is not None and found < LEAST_STEP:
        raise SettingsError("step", given, "must be a duration of at least 1s", "--step 5s")
    return found


def _url(key: str, given: str, example: str, logins: dict[str, Login]) -> str:
    """The address without the login that it may have, which goes to the others."""
    try:
        parts = urlsplit(given)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        shown = re.sub("//.*@", "//...@", given)
        raise SettingsError(key, shown, "must be an http or https address", f"--{key} {example}")
    login, at, _ = parts.netloc.rpartition("@")
    url = given.replace(login + at, "", 1).rstrip("/")
    if at:
        logins[url] = unquote(parts.username or ""), unquote(parts.password or "")
    return url


def need_extra() -> None:
    """Raises `SidelightError` where what the viewer is made with isn't installed."""
    missing = [name for name in ("httpx", "nicegui", "uvicorn") if find_spec(name) is None]
    if missing:
        raise SidelightError(
            f"the viewer needs {', '.join(missing)}: pip install 'sidelight[viewer]'"
        )
