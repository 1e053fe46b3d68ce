"""Settings: keyword arguments, then ``SIDELIGHT_*``, then a file."""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from sidelight import bearer_token, settings_file
from sidelight.contract import DURATION_BUCKETS
from sidelight.environ_text import utf8
from sidelight.errors import SettingsError
from sidelight.latency_objectives import LatencyObjectives
from sidelight.latency_objectives import read as read_latencies
from sidelight.nearest import route_problem, unknown
from sidelight.settings_file import SettingsFile

EVERY_ROUTE = "*"
DISABLED = "SIDELIGHT_DISABLED"
MOST_BUCKETS = 60
MOST_TEMPLATES = 1000
PARAMETER = re.compile(r"{[a-zA-Z_][a-zA-Z0-9_]*(?::(?:str|path|int|float|uuid))?}")
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110."""
FOR_RULES = ("selector", "slo")
"""Keys that only files have, for ``sidelight rules``; of ``slo`` we need the latencies."""
FEWEST_SERIES = 100
MOST_SERIES = 100_000
RAREST_PHASES = 1_000_000


class Options(TypedDict, total=False):
    """Keyword arguments of `sidelight.SidelightMiddleware`; times are in seconds.

    ``slow_request_threshold``: from how long on a request is slow, one number for all routes or
    a mapping by ``"METHOD /template"``. ``first_byte``: routes, as ``"METHOD /template"``, of
    which the time to the first byte says whether a request is slow, as of event streams; or a
    mapping of such routes to how long that takes in a slow request.
    ``loop_block_threshold``: how long an event loop may be busy before that counts as blocked.
    ``wait_sample_after``: how old a request in flight is when Sidelight begins to look where it
    waits; half of its slow_request_threshold, if that is less.
    ``log_request_path``: log the path of a slow request, without its query. ``buckets``:
    boundaries of duration histograms. ``exclude``: paths that are not measured, exact or ending in
    ``/*``. ``path_templates``: templates of paths below a mount whose application has no routes
    that Sidelight can see. ``metrics_path``: the path of the metrics; None for none.
    ``metrics_token``: the bearer token that a scrape must have. ``max_series``: label sets a
    worker keeps. ``phase_sample_interval``: the phases of one request in so many are measured, 0
    for none. ``directory``: the directory that the workers share, if a sidecar is to read it too.
    ``native_histograms``: add native buckets to histograms of durations, for a Prometheus that
    stores them. ``created_series``: say in OpenMetrics when each counter and histogram began
    (``_created``). ``service``: the service's name; ``service_version``: its release.
    ``queue_header``: the header in which a trusted proxy says when it received a request.
    ``registry``: the ``CollectorRegistry`` of the application's own metrics, in place of
    prometheus_client's default one.
    """

    slow_request_threshold: float | Mapping[str, float]
    first_byte: Sequence[str] | Mapping[str, float]
    loop_block_threshold: float
    wait_sample_after: float
    log_request_path: bool
    buckets: Sequence[float]
    exclude: Sequence[str]
    path_templates: Sequence[str]
    metrics_path: str | None
    metrics_token: str
    max_series: int
    phase_sample_interval: int
    directory: str | os.PathLike[str]
    native_histograms: bool
    created_series: bool
    service: str
    service_version: str
    queue_header: str
    registry: Any


@dataclass(frozen=True, slots=True)
class Settings:
    """How one service is measured. Build it with `load`.

    Times are in seconds. ``slow_request_threshold`` maps ``"METHOD /template"`` (without
    ``root_path``), or ``"*"``, to a threshold; ``buckets`` holds every threshold, and the
    latency of every objective, as a boundary. ``latency_objectives`` are those of the file that
    was read, ``file``.
    """

    slow_request_threshold: Mapping[str, float]
    buckets: tuple[float, ...]
    first_byte: tuple[str, ...] = ()
    loop_block_threshold: float = 0.1
    wait_sample_after: float = 0.25
    log_request_path: bool = False
    exclude: tuple[str, ...] = ()
    path_templates: tuple[str, ...] = ()
    metrics_path: str | None = "/metrics"
    metrics_token: str | None = None
    max_series: int = 4000
    phase_sample_interval: int = 100
    directory: str | None = None
    native_histograms: bool = False
    created_series: bool = False
    service: str | None = None
    service_version: str | None = None
    queue_header: str | None = None
    registry: Any = None
    latency_objectives: LatencyObjectives = field(default_factory=LatencyObjectives)
    file: SettingsFile | None = None


class Given(NamedTuple):
    """The value of a key as its source has it, and what the source is called."""

    value: Any
    source: str


def load(
    options: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Settings:
    """Check and merge the sources; the first that names a key wins.

    Raises `SettingsError` for an unknown key or a value that can't be used.
    """
    file = settings_file.find(environ, folder)
    found = given(options, environ, file)
    values = {key: _CHECKS[key](key, one.value) for key, one in found.items()}
    slow = values.pop("slow_request_threshold", {})
    values["first_byte"] = _with_thresholds(values.pop("first_byte", {}), slow)
    slow = {EVERY_ROUTE: 1.0, **slow}
    bounds = {*values.pop("buckets", DURATION_BUCKETS), *slow.values()}
    objectives = read_latencies(file.table.get("slo", {}))
    buckets = tuple(sorted({*bounds, *objectives.seconds}))
    return Settings(
        slow_request_threshold=slow,
        buckets=buckets,
        latency_objectives=objectives,
        file=file,
        **values,
    )


def given(
    options: Mapping[str, Any], environ: Mapping[str, str], file: SettingsFile
) -> dict[str, Given]:
    """Each option that a source names, unchecked. Raises `SettingsError` for an unknown key."""
    of_file = {key: value for key, value in file.table.items() if key not in FOR_RULES}
    for known, keys, where in ((KEYS, of_file, f" in {file}"), (OPTIONS, options, "")):
        for key, value in keys.items():
            if key not in OPTIONS:
                problem = unknown("option", key, sorted(known)) + where
                raise SettingsError(key, value, problem, "slow_request_threshold=1.0")
    return {
        **{key: Given(value, str(file)) for key, value in of_file.items()},
        **{key: Given(value, variable(key)) for key, value in _from_environ(environ)},
        **{key: Given(value, "argument") for key, value in options.items()},
    }


def disabled(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether ``SIDELIGHT_DISABLED`` turns everything off."""
    return environ.get(DISABLED, "").lower() in {"1", "true", "yes", "on"}


def _from_environ(environ: Mapping[str, str]) -> Iterator[tuple[str, "_Text"]]:
    """``SIDELIGHT_MAX_SERIES=100`` is ``max_series``; ``SIDELIGHT_DIR`` is ``directory``."""
    for key in OPTIONS:
        value = environ.get(variable(key))
        if value is not None:
            yield key, _Text(value if key == "directory" else utf8(value))


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
            raise SettingsError(key, {route: threshold}, route_problem(route), example)
        found[str(route)] = _seconds(key, threshold, example)
    return found


def _is_route(text: str) -> bool:
    method, space, path = text.partition(" ")
    return bool(space) and method.isupper() and path.startswith("/")


def _first_byte(key: str, value: Any) -> dict[str, float | None]:
    """A threshold by route; None where that of the whole request is meant."""
    example = f'{key}=["GET /export"] or {key}={{"GET /export": 0.3}}'
    if isinstance(value, _Text):
        value = _first_byte_from_text(value)
    if isinstance(value, str) or not isinstance(value, Sequence | Mapping):
        raise SettingsError(
            key, value, "must be a list of routes, or have seconds of each", example
        )
    for route in value:
        if not isinstance(route, str) or not _is_route(route):
            raise SettingsError(key, value, route_problem(route), example)
    if not isinstance(value, Mapping):
        return dict.fromkeys(value)
    return {
        route: None if seconds is None else _seconds(key, seconds, example)
        for route, seconds in value.items()
    }


def _first_byte_from_text(text: str) -> dict[str, str | None]:
    """``GET /export=0.3,GET /feed``."""
    pairs = [part.strip().partition("=") for part in text.split(",")]
    return {route.strip(): seconds if equals else None for route, equals, seconds in pairs}


def _with_thresholds(
    first_byte: Mapping[str, float | None], slow: dict[str, float]
) -> tuple[str, ...]:
    """The routes of ``first_byte``, whose thresholds are added to those of slow requests."""
    for route, seconds in first_byte.items():
        if seconds is None:
            continue
        if route in slow:
            problem = "has a threshold in slow_request_threshold too; leave it in one of them"
            raise SettingsError("first_byte", {route: seconds}, problem, f"first_byte=[{route!r}]")
        slow[route] = seconds
    return tuple(first_byte)


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


def _wait_sample_after(key: str, value: Any) -> float:
    return _seconds(key, value, f"{key}=0.25")


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
    return _some_text(key, value, f'{key}="shop"')


def _version(key: str, value: Any) -> str:
    return _some_text(key, value, f'{key}="2.1.0"')


def _some_text(key: str, value: Any, example: str) -> str:
    if not isinstance(value, str) or not value.strip() or not _is_unicode(value):
        raise SettingsError(key, value, "must be text that is not empty", example)
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


def _field_name(key: str, value: Any) -> str:
    """The name of a header in lower case, as ASGI has it."""
    if not isinstance(value, str) or not FIELD_NAME.fullmatch(value):
        raise SettingsError(key, value, "must be the name of a header", f'{key}="x-request-start"')
    return value.lower()


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
    "wait_sample_after": _wait_sample_after,
    "log_request_path": _switch,
    "exclude": _paths,
    "path_templates": _path_templates,
    "metrics_path": _metrics_path,
    "metrics_token": _secret,
    "max_series": _max_series,
    "phase_sample_interval": _phases,
    "directory": _directory,
    "native_histograms": _switch,
    "created_series": _switch,
    "service": _text,
    "service_version": _version,
    "queue_header": _field_name,
    "registry": _registry,
}
OPTIONS = tuple(_CHECKS)
"""The keys of all sources."""
KEYS = (*OPTIONS, *FOR_RULES)
"""The keys of a file of settings."""
