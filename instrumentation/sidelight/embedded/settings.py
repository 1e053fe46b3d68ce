"""The settings of the sidecar's history, checked."""

import importlib
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from sidelight.durations import to_seconds
from sidelight.errors import SettingsError
from sidelight.sidecar.settings import HISTORY_EXTRA

REQUIRED_MODULES = ("numpy", "promql_parser", "re2", "yaml")
DEFAULT_SPAN = 3600.0
MIN_SPAN, MAX_SPAN = 60.0, 24 * 3600.0
MIN_STEP, MAX_STEP = 1.0, 60.0
MIN_MEMORY = 8 << 20

_SIZES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "": 1}


class HistoryOptions(TypedDict):
    """The options of the command line; None for an option that was not given."""

    history: str | None
    history_step: str
    history_memory: str
    job: str | None
    instance: str | None
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ServiceRules:
    """What the service's settings define: groups of rules, and labels of its target.

    ``groups`` has the structure of a file of rules.
    """

    groups: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HistorySettings:
    """The span that is kept and the step of samples in seconds, and the memory in bytes.

    ``job`` and ``instance`` are None if they are to be detected. ``rules`` are files.
    """

    keep: float
    step: float
    memory: int
    job: str | None
    instance: str | None
    rules: tuple[str, ...]
    service: ServiceRules = field(default_factory=ServiceRules)


def check(
    service: Callable[[], ServiceRules], **options: Unpack[HistoryOptions]
) -> HistorySettings | None:
    """Check the options; None if there is no history, and then ``service`` is not called.

    Raises `SettingsError`.
    """
    keep = _keep(options["history"])
    step = _step(options["history_step"])
    memory = _bytes(options["history_memory"])
    if not keep:
        return None
    missing = _missing_module()
    if missing and options["history"] is not None:
        raise SettingsError("history", options["history"], f"needs {missing}", HISTORY_EXTRA)
    if missing:
        return None
    for key in ("job", "instance"):
        if options[key] is not None and not (options[key] or "").strip():
            raise SettingsError(key, options[key], "must not be empty", f"--{key} shop")
    job, instance = options["job"], options["instance"]
    return HistorySettings(keep, step, memory, job, instance, options["rules"], service())


def _keep(given: str | None) -> float:
    if given is None:
        return DEFAULT_SPAN
    keep = _seconds("history", given, "--history 1h")
    if keep and not MIN_SPAN <= keep <= MAX_SPAN:
        raise SettingsError("history", given, "must be 0, or 1m to 24h", "--history 1h")
    return keep


def _step(given: str) -> float:
    example = "--history-step 5s"
    step = _seconds("history_step", given, example)
    if not MIN_STEP <= step <= MAX_STEP:
        raise SettingsError("history_step", given, "must be 1s to 60s", example)
    return step


def _missing_module() -> str:
    """Return the first required module that is not installed; empty if all are."""
    for name in REQUIRED_MODULES:
        try:
            with warnings.catch_warnings(action="ignore"):  # as in promql/parser.py
                importlib.import_module(name)
        except ImportError:
            return name
    return ""


def _seconds(key: str, given: str, example: str) -> float:
    try:
        return to_seconds(given)
    except ValueError as error:
        raise SettingsError(key, given, "must be a duration", example) from error


def _bytes(given: str) -> int:
    example = "--history-memory 64MiB"
    found = re.fullmatch(r"(\d{1,12})(KiB|MiB|GiB|)", given)
    if found is None:
        raise SettingsError("history_memory", given, "must be a size", example)
    size = int(found[1]) * _SIZES[found[2]]
    if size < MIN_MEMORY:
        raise SettingsError("history_memory", given, "must be at least 8MiB", example)
    return size
