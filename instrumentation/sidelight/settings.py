"""Settings: keyword arguments, then ``SIDELIGHT_*``, then the working directory's own file."""

import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, TypedDict

from sidelight import bearer_token
from sidelight.contract import DURATION_BUCKETS
from sidelight.environ_text import utf8
from sidelight.errors import SettingsError
from sidelight.latency import latencies
from sidelight.nearest import unknown

EVERY_ROUTE = "*"
MOST_BUCKETS = 60
MOST_TEMPLATES = 1000
PARAMETER = re.compile(r"{[a-zA-Z_][a-zA-Z0-9_]*(?::(?:str|path|int|float|uuid))?}")
PYPROJECT = "pyproject.toml"
FOR_RULES = ("selector", "slo")
"""Keys that only files have, for ``sidelight rules``; of ``slo`` we need the latencies."""
FEWEST_SERIES = 100
MOST_SERIES = 100_000
RAREST_PHASES = 1_000_000


class Options(TypedDict, total=False):
    """Keyword arguments of `sidelight.SidelightMiddleware`; times are in seconds.

    ``slow_request_threshold``: from how long on a request is slow, one number for all routes or
    a mapping by ``"METHOD /template"``. ``first_byte``: routes, as ``"METHOD /template"``, of
    which the time to the first byte says whether a request is slow, as of event streams.
    ``loop_block_threshold``: how long an event loop may be busy before that counts as blocked.
    ``log_request_path``: log the path of a slow request, without its query. ``buckets``:
    boundaries of duration histograms. ``exclude``: paths that are not measured, exact or ending in
    ``/*``. ``path_templates``: templates of paths below a mount whose application has no routes
    that Sidelight can see. ``metrics_path``: the path of the metrics; None for none.
    ``metrics_token``: the bearer token that a scrape must have. ``max_series``: label sets a
    worker keeps. ``phase_sample_interval``: the phases of one request in so many are measured, 0
    for none. ``directory``: the directory that the workers share, if a sidecar is to read it too.
    ``service``: the service's name. ``registry``: the ``CollectorRegistry`` of the application's
    own metrics, in place of prometheus_client's default one.
    """

    slow_request_threshold: float | Mapping[str, float]
    first_byte: Sequence[str]
    loop_block_threshold: float
    log_request_path: bool
    buckets: Sequence[float]
    exclude: Sequence[str]
    path_templates: Sequence[str]
    metrics_path: str | None
    metrics_token: str
    max_series: int
    phase_sample_interval: int
    directory: str | os.PathLike[str]
    service: str
    registry: Any


@dataclass(frozen=True, slots=True)
class Settings:
    """How one service is measured. Build it with `load`.

    Times are in seconds. ``slow_request_threshold`` maps ``"METHOD /template"`` (without
    ``root_path``), or ``"*"``, to a threshold; ``buckets`` holds every threshold, and the
    latency of every objective, as a boundary.
    """

    slow_request_threshold: Mapping[str, float]
    buckets: tuple[float, ...]
    first_byte: tuple[str, ...] = ()
    loop_block_threshold: float = 0.1
    log_request_path: bool = False
    exclude: tuple[str, ...] = ()
    path_templates: tuple[str, ...] = ()
    metrics_path: str | None = "/metrics"
    metrics_token: str | None = None
    max_series: int = 4000
    phase_sample_interval: int = 100
    directory: str | None = None
    service: str | None = None
    registry: Any = None


def load(
    options: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Settings:
    """Check and merge the sources; the first that names a key wins.

    Raises `SettingsError` for an unknown key or a value that can't be used.
    """
    file = from_folder(folder or Path.cwd())
    objectives = {key: file.pop(key) for key in FOR_RULES if key in file}
    given: dict[str, Any] = {**file, **_from_environ(environ), **options}
    for key, value in given.items():
        if key not in _CHECKS:
            problem = unknown("option", key, sorted(KEYS if key in file else _CHECKS))
            raise SettingsError(key, value, problem, "slow_request_threshold=1.0")
    values = {key: _CHECKS[key](key, value) for key, value in given.items()}
    slow = {EVERY_ROUTE: 1.0, **values.pop("slow_request_threshold", {})}
    bounds = {*values.pop("buckets", DURATION_BUCKETS), *slow.values()}
    if "slo" in objectives:
        bounds.update(latencies(objectives["slo"]))
    buckets = tuple(sorted(bounds))
    return Settings(slow_request_threshold=slow, buckets=buckets, **values)


def disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether ``SIDELIGHT_DISABLED`` turns everything off."""
    return environ.get("SIDELIGHT_DISABLED", "").lower() in {"1", "true", "yes", "on"}


def from_folder(folder: Path) -> dict[str, Any]:
    """``sidelight.toml``, or else ``[tool.sidelight]`` of ``pyproject.toml``; {} without."""
    return from_file(folder / "sidelight.toml") or from_file(folder / PYPROJECT)


def from_file(file: Path) -> dict[str, Any]:
    """Our table of one file: all of it, or ``[tool.sidelight]`` of a ``pyproject.toml``."""
    table = _read(file)
    if file.name == PYPROJECT:
        for key in ("tool", "sidelight"):
            table = _table(file.name, table.get(key, {}))
    return table


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:  # among these are wrong TOML and wrong UTF-8
        raise SettingsError(
            "file", file.name, str(error), "slow_request_threshold = 1.0"
        ) from error


def _table(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise SettingsError("file", name, f"{value!r} is not a table", "[tool.sidelight]")
    return value


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    """``SIDELIGHT_MAX_SERIES=100`` is ``max_series``; ``SIDELIGHT_DIR`` is ``directory``."""
    found = {}
    for field in fields(Settings):
        name = variable(field.name)
        if name in environ:
            value = environ[name]
            found[field.name] = _Text(value if field.name == "directory" else utf8(value))
    return found


def variable(key: str) -> str:
    """The environment variable of a key."""
    return "SIDELIGHT_DIR" if key == "directory" else f"SIDELIGHT_{key.upper()}"


class _Text(str):
    """A value from the environment: text that its check may have to parse."""

    __slots__ = ()


def _slow(key: str, value: Any) -> dict[str, float]:
    example = f'{key}=1.0 or {key}={{"POST /checkout": 0.3}}'
    if isinstance(value, _Text):
        value = _slow_from_text(value)
    if not isinstance(value, Mapping):
        value = {EVERY_ROUTE: value}
    found = {}
    for route, threshold in value.items():
        if route != EVERY_ROUTE and not _is_route(str(route)):
            raise SettingsError(key, {route: threshold}, "a route is 'METHOD /template'", example)
        found[str(route)] = _seconds(key, threshold, example)
    return found


def _is_route(text: str) -> bool:
    method, space, path = text.partition(" ")
    return bool(space) and method.isupper() and path.startswith("/")


def _first_byte(key: str, value: Any) -> tuple[str, ...]:
    example = f'{key}=["GET /export"]'
    parts = [part.strip() for part in value.split(",")] if isinstance(value, _Text) else value
    if isinstance(parts, str) or not isinstance(parts, Sequence):
        raise SettingsError(key, value, "must be a list of routes", example)
    for part in parts:
        if not isinstance(part, str) or not _is_route(part):
            raise SettingsError(key, value, "a route is 'METHOD /template'", example)
    return tuple(parts)


def _slow_from_text(text: str) -> Any:
    """``0.5`` or ``POST /checkout=0.3,*=1``."""
    if "=" not in text:
        return text
    pairs = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
    return {route.strip(): threshold for route, _, threshold in pairs}


def _seconds(key: str, value: Any, example: str) -> float:
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise SettingsError(key, value, "must be a number of seconds above 0", example)
    return seconds


def _loop_block_threshold(key: str, value: Any) -> float:
    return _seconds(key, value, f"{key}=0.1")


def _buckets(key: str, value: Any) -> tuple[float, ...]:
    example = f"{key}=[0.1, 0.3, 1.0]"
    parts = value.split(",") if isinstance(value, _Text) else value
    if isinstance(parts, str) or not isinstance(parts, Sequence) or not parts:
        raise SettingsError(key, value, "must be a list of seconds", example)
    bounds = tuple(_seconds(key, part, example) for part in parts)
    if any(low >= high for low, high in pairwise(bounds)):
        raise SettingsError(key, value, "must rise from each boundary to the next", example)
    if len(bounds) > MOST_BUCKETS:
        raise SettingsError(key, value, f"has more than {MOST_BUCKETS} boundaries", example)
    return bounds


def _switch(key: str, value: Any) -> bool:
    if isinstance(value, _Text):
        value = {"1": True, "true": True, "0": False, "false": False}.get(value.lower(), value)
    if not isinstance(value, bool):
        raise SettingsError(key, value, "must be true or false", f"{key}=True")
    return value


def _paths(key: str, value: Any) -> tuple[str, ...]:
    example = f'{key}=["/healthz", "/internal/*"]'
    parts = value.split(",") if isinstance(value, _Text) else value
    if isinstance(parts, str) or not isinstance(parts, Sequence):
        raise SettingsError(key, value, "must be a list of paths", example)
    for part in parts:
        if not isinstance(part, str) or not part.startswith("/") or "*" in part.removesuffix("/*"):
            raise SettingsError(key, value, "a path starts with / and may end in /*", example)
    return tuple(parts)


def _path_templates(key: str, value: Any) -> tuple[str, ...]:
    example = f'{key}=["/api/runs/{{action}}"]'
    parts = value.split(",") if isinstance(value, _Text) else value
    if isinstance(parts, str) or not isinstance(parts, Sequence):
        raise SettingsError(key, value, "must be a list of paths", example)
    for part in parts:
        if not isinstance(part, str) or not part.startswith("/") or not _is_template(part):
            problem = "a path starts with / and has a {name} in place of what varies"
            raise SettingsError(key, value, problem, example)
    if len(parts) > MOST_TEMPLATES:
        raise SettingsError(key, value, f"has more than {MOST_TEMPLATES} paths", example)
    return tuple(parts)


def _is_template(path: str) -> bool:
    """Whether braces are there only around the names of parameters."""
    return not set("{}\t\n*") & set(PARAMETER.sub("", path))


def _metrics_path(key: str, value: Any) -> str | None:
    if value is None or (isinstance(value, _Text) and value.lower() in {"", "none", "off"}):
        return None
    if not isinstance(value, str) or not value.startswith("/") or value == "/":
        raise SettingsError(key, value, "must be a path, or None for none", f'{key}="/metrics"')
    return str(value)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or not _is_unicode(value):
        raise SettingsError(key, value, "must be text that is not empty", f'{key}="shop"')
    return str(value)


def _is_unicode(text: str) -> bool:
    """Whether a text has no lone surrogates, which stand for bytes that are not UTF-8."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _secret(key: str, value: Any) -> str:
    example = f'{key}="a-long-random-word"'
    if not isinstance(value, str):
        shown = value if isinstance(value, int | float) else type(value).__name__
        raise SettingsError(key, shown, "must be text that is not empty", example)
    return bearer_token.check(key, value, "..." if value.strip() else value, example)


def _directory(key: str, value: Any) -> str:
    if not isinstance(value, str | os.PathLike) or not Path(value).is_absolute():
        raise SettingsError(key, value, "must be an absolute path", f'{key}="/run/sidelight"')
    return os.fspath(value)


def _max_series(key: str, value: Any) -> int:
    return _whole(key, value, FEWEST_SERIES, MOST_SERIES, f"{key}=4000")


def _phases(key: str, value: Any) -> int:
    return _whole(key, value, 0, RAREST_PHASES, f"{key}=100")


def _registry(key: str, value: Any) -> Any:
    example = f"{key}=prometheus_client.REGISTRY"
    if value is None or isinstance(value, type) or not callable(getattr(value, "collect", None)):
        raise SettingsError(key, value, "must be a CollectorRegistry", example)
    collectors = getattr(value, "_collector_to_names", ())
    if any(type(one).__name__ == "MultiProcessCollector" for one in collectors):
        problem = "has a MultiProcessCollector, and Sidelight adds up the workers itself"
        raise SettingsError(key, value, problem, example)
    return value


def _whole(key: str, value: Any, least: int, most: int, example: str) -> int:
    try:
        number = least - 1 if isinstance(value, bool | float) else int(value)
    except (TypeError, ValueError):
        number = least - 1
    if not least <= number <= most:
        raise SettingsError(key, value, f"must be a whole number from {least} to {most}", example)
    return number


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "slow_request_threshold": _slow,
    "buckets": _buckets,
    "first_byte": _first_byte,
    "loop_block_threshold": _loop_block_threshold,
    "log_request_path": _switch,
    "exclude": _paths,
    "path_templates": _path_templates,
    "metrics_path": _metrics_path,
    "metrics_token": _secret,
    "max_series": _max_series,
    "phase_sample_interval": _phases,
    "directory": _directory,
    "service": _text,
    "registry": _registry,
}
KEYS = (*_CHECKS, *FOR_RULES)
"""The keys of a file of settings."""
