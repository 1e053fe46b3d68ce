"""What the viewer is started with, checked."""

from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import urlsplit

from sidelight.errors import SettingsError, SidelightError
from sidelight.serving.door import Door, guarded
from sidelight.viewer.times import seconds

LISTEN = "127.0.0.1:9465"
SIDECAR = "http://127.0.0.1:9464"
LEAST_STEP = 1.0


@dataclass(frozen=True, slots=True)
class Viewer(Door):
    """How one viewer runs. Build it with `check`.

    ``token`` is sent to what it reads, and asked of whoever opens it. ``step`` is how often, in
    seconds, scrapes and rules are; None where that is what the dashboards take it to be.
    """

    sidecar: str
    prometheus: str | None
    step: float | None = None

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
    host, port, token = guarded(listen, token_file, LISTEN, insecure=insecure)
    checked = _url("sidecar", sidecar, SIDECAR)
    source = None if prometheus is None else _url("prometheus", prometheus, "http://127.0.0.1:9090")
    return Viewer(host, port, token, hosts, checked, source, _step(step))


def _step(given: str | None) -> float | None:
    try:
        found = None if given is None else seconds(given)
    except ValueError:
        found = 0
    if found is not None and found < LEAST_STEP:
        raise SettingsError("step", given, "must be a duration of at least 1s", "--step 5s")
    return found


def _url(key: str, given: str, example: str) -> str:
    try:
        parts = urlsplit(given)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.query or parts.fragment:
        raise SettingsError(key, given, "must be an http or https address", f"--{key} {example}")
    return given.rstrip("/")


def need_extra() -> None:
    """Raises `SidelightError` where what the viewer is made with isn't installed."""
    missing = [name for name in ("httpx", "nicegui", "uvicorn") if find_spec(name) is None]
    if missing:
        raise SidelightError(
            f"the viewer needs {', '.join(missing)}: pip install 'sidelight[viewer]'"
        )
