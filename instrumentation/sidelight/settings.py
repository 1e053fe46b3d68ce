"""Settings: keyword arguments, then ``SIDELIGHT_*``, then a file."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from sidelight import settings_file
from sidelight.contract import DURATION_BUCKETS
from sidelight.environ_text import utf8
from sidelight.errors import SettingsError
from sidelight.latency_objectives import LatencyObjectives
from sidelight.latency_objectives import read as read_latencies
from sidelight.nearest import unknown
from sidelight.option_checks import CHECKS
from sidelight.option_values import Text
from sidelight.route_thresholds import EVERY_ROUTE, with_thresholds
from sidelight.settings_file import SettingsFile

DISABLED = "SIDELIGHT_DISABLED"
FOR_RULES = ("selector", "slo")
"""Keys that only files have, for ``sidelight rules``; of ``slo`` we need the latencies."""
OPTIONS = tuple(CHECKS)
"""The keys of all sources."""
KEYS = (*OPTIONS, *FOR_RULES)
"""The keys of a file of settings."""


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
    values = {key: CHECKS[key](key, one.value) for key, one in found.items()}
    slow = values.pop("slow_request_threshold", {})
    values["first_byte"] = with_thresholds(values.pop("first_byte", {}), slow)
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


def _from_environ(environ: Mapping[str, str]) -> Iterator[tuple[str, Text]]:
    """``SIDELIGHT_MAX_SERIES=100`` is ``max_series``; ``SIDELIGHT_DIR`` is ``directory``."""
    for key in OPTIONS:
        value = environ.get(variable(key))
        if value is not None:
            yield key, Text(value if key == "directory" else utf8(value))


def variable(key: str) -> str:
    """The environment variable of a key."""
    return "SIDELIGHT_DIR" if key == "directory" else f"SIDELIGHT_{key.upper()}"
