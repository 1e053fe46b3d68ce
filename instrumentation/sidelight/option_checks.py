"""The check of each option: what its value becomes, or the error that says what is wrong."""

import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from sidelight import bearer_token
from sidelight.errors import SettingsError
from sidelight.option_values import Text, items, seconds, some_text, switch, whole
from sidelight.route_thresholds import first_byte, slow_request_threshold

MOST_BUCKETS = 60
MOST_TEMPLATES = 1000
PARAMETER = re.compile(r"{[a-zA-Z_][a-zA-Z0-9_]*(?::(?:str|path|int|float|uuid))?}")
FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110."""
FEWEST_SERIES = 100
MOST_SERIES = 100_000
RAREST_PHASES = 1_000_000


def _loop_block_threshold(key: str, value: Any) -> float:
    return seconds(key, value, f"{key}=0.1")


def _wait_sample_after(key: str, value: Any) -> float:
    return seconds(key, value, f"{key}=0.25")


def _buckets(key: str, value: Any) -> tuple[float, ...]:
    example = f"{key}=[0.1, 0.3, 1.0]"
    bounds = tuple(seconds(key, part, example) for part in items(key, value, "seconds", example))
    if not bounds:
        raise SettingsError(key, value, "must be a list of seconds", example)
    if any(low >= high for low, high in pairwise(bounds)):
        raise SettingsError(key, value, "must rise from each boundary to the next", example)
    if len(bounds) > MOST_BUCKETS:
        raise SettingsError(key, value, f"has more than {MOST_BUCKETS} boundaries", example)
    return bounds


def _paths(key: str, value: Any) -> tuple[str, ...]:
    example = f'{key}=["/healthz", "/internal/*"]'
    parts = items(key, value, "paths", example)
    for part in parts:
        if not isinstance(part, str) or not part.startswith("/") or "*" in part.removesuffix("/*"):
            raise SettingsError(key, value, "a path starts with / and may end in /*", example)
    return tuple(parts)


def _path_templates(key: str, value: Any) -> tuple[str, ...]:
    example = f'{key}=["/api/runs/{{action}}"]'
    parts = items(key, value, "paths", example)
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
    if value is None or (isinstance(value, Text) and value.lower() in {"", "none", "off"}):
        return None
    if not isinstance(value, str) or not value.startswith("/") or value == "/":
        raise SettingsError(key, value, "must be a path, or None for none", f'{key}="/metrics"')
    return str(value)


def _text(key: str, value: Any) -> str:
    return some_text(key, value, f'{key}="shop"')


def _version(key: str, value: Any) -> str:
    return some_text(key, value, f'{key}="2.1.0"')


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
    return whole(key, value, FEWEST_SERIES, MOST_SERIES, f"{key}=4000")


def _phases(key: str, value: Any) -> int:
    return whole(key, value, 0, RAREST_PHASES, f"{key}=100")


def _registry(key: str, value: Any) -> Any:
    example = f"{key}=prometheus_client.REGISTRY"
    if value is None or isinstance(value, type) or not callable(getattr(value, "collect", None)):
        raise SettingsError(key, value, "must be a CollectorRegistry", example)
    collectors = getattr(value, "_collector_to_names", ())
    if any(type(one).__name__ == "MultiProcessCollector" for one in collectors):
        problem = "has a MultiProcessCollector, and Sidelight adds up the workers itself"
        raise SettingsError(key, value, problem, example)
    return value


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "slow_request_threshold": slow_request_threshold,
    "buckets": _buckets,
    "first_byte": first_byte,
    "loop_block_threshold": _loop_block_threshold,
    "wait_sample_after": _wait_sample_after,
    "log_request_path": switch,
    "exclude": _paths,
    "path_templates": _path_templates,
    "metrics_path": _metrics_path,
    "metrics_token": _secret,
    "max_series": _max_series,
    "phase_sample_interval": _phases,
    "directory": _directory,
    "native_histograms": switch,
    "created_series": switch,
    "service": _text,
    "service_version": _version,
    "queue_header": _field_name,
    "registry": _registry,
}
