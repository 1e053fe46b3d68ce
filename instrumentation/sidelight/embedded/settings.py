"""What the sidecar's history is started with, checked."""

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypedDict, Unpack

from sidelight.errors import SettingsError

NEEDS = ("numpy", "promql_parser", "re2", "yaml")
EXTRA = "pip install 'sidelight[history]'"
SHORTEST_STEP, LONGEST_STEP = 1.0, 60.0
LONGEST = 24 * 3600.0
LEAST_MEMORY = 8 << 20

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_SIZES = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "": 1}


class Options(TypedDict):
    """As given on the command line; None where nothing was."""

    history: str | None
    history_step: str
    history_memory: str
    job: str | None
    instance: str | None
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """What the settings say of the service: groups of rules, and the labels that it is known by.

    ``groups`` is as a file of rules has them.
    """

    groups: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remembering:
    """How long (``keep``) and how often (``step``) in seconds, in how many bytes.

    ``job`` and ``instance`` are None where they are to be found out; ``rules`` are files.
    """

    keep: float
    step: float
    memory: int
    job: str | None
    instance: str | None
    rules: tuple[str, ...]
    service: Service = field(default_factory=Service)


def check(service: Callable[[], Service], **given: Unpack[Options]) -> Remembering | None:
    """Check what was given; None for no history, and then nothing is asked of the service.

    Raises `SettingsError`.
    """
    keep = _keep(given["history"])
    step = _step(given["history_step"])
    memory = _bytes(given["history_memory"])
    if not keep:
        return None
    missing = _missing()
    if missing and given["history"] is not None:
        raise SettingsError("history", given["history"], f"needs {missing}", EXTRA)
    if missing:
        return None
    for key in ("job", "instance"):
        if given[key] is not None and not (given[key] or "").strip():
            raise SettingsError(key, given[key], "must not be empty", f"--{key} shop")
    job, instance = given["job"], given["instance"]
    return Remembering(keep, step, memory, job, instance, given["rules"], service())


def _keep(given: str | None) -> float:
    if given is None:
        return 3600.0
    keep = _seconds("history", given, "--history 1h")
    if keep and not 60 <= keep <= LONGEST:  # noqa: PLR2004 a minute
        raise SettingsError("history", given, "must be 0, or 1m to 24h", "--history 1h")
    return keep


def _step(given: str) -> float:
    example = "--history-step 5s"
    step = _seconds("history_step", given, example)
    if not SHORTEST_STEP <= step <= LONGEST_STEP:
        raise SettingsError("history_step", given, "must be 1s to 60s", example)
    return step


def _missing() -> str:
    """The first module that isn't there; empty where the extra is installed."""
    for name in NEEDS:
        try:
            importlib.import_module(name)
        except ImportError:
            return name
    return ""


def _seconds(key: str, given: str, example: str) -> float:
    if given == "0":
        return 0.0
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|h|d)", given)
    if found is None:
        raise SettingsError(key, given, "must be a duration", example)
    return float(found[1]) * _UNITS[found[2]]


def _bytes(given: str) -> int:
    example = "--history-memory 64MiB"
    found = re.fullmatch(r"(\d{1,12})(KiB|MiB|GiB|)", given)
    if found is None:
        raise SettingsError("history_memory", given, "must be a size", example)
    size = int(found[1]) * _SIZES[found[2]]
    if size < LEAST_MEMORY:
        raise SettingsError("history_memory", given, "must be at least 8MiB", example)
    return size
