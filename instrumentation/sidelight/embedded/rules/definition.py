"""The definitions of rules, read from files or from the service's settings, and checked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidelight.durations import to_milliseconds
from sidelight.embedded.promql.engine import checked_query
from sidelight.embedded.promql.limits import QueryError
from sidelight.embedded.templates.functions import TemplateError
from sidelight.embedded.templates.parser import TemplateBlock, parse_template
from sidelight.errors import SettingsError

EXAMPLE = "--rules FILE, as `sidelight rules build --output FILE` writes it"
DEFAULT_INTERVAL = "1m"
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_KEYS = {"record": {"labels"}, "alert": {"labels", "annotations", "for", "keep_firing_for"}}
_GROUP = {"name", "interval", "rules", "limit", "query_offset", "labels"}


@dataclass(frozen=True, slots=True)
class RuleDefinition:
    """A recording rule or an alerting rule; durations are in milliseconds.

    ``for_duration`` is ``for``. The ``labels`` of an alert and the ``annotations`` are templates.
    """

    kind: str
    name: str
    expr: str
    labels: Mapping[str, str]
    for_duration: int = 0
    keep_firing_for: int = 0
    annotations: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, TemplateBlock] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GroupDefinition:
    """Rules that are evaluated one after another, every ``interval`` milliseconds."""

    name: str
    file: str
    interval: int
    rules: tuple[RuleDefinition, ...]


def parse_groups(file: str, found: Any) -> Iterator[GroupDefinition]:
    """Parse the groups of one file's content. Raises `SettingsError`."""
    listed = found.get("groups") if isinstance(found, Mapping) else None
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise _error(file, "has no list of groups")
    for one in listed:
        if not isinstance(one, Mapping) or not isinstance(one.get("name"), str):
            raise _error(file, "has a group without a name")
        where = f"{file}: group {one['name']!r}"
        _check_keys(where, one, _GROUP - {"limit", "query_offset", "labels"})
        interval = _duration(where, "interval", one.get("interval", DEFAULT_INTERVAL))
        rules = tuple(_rule(where, rule) for rule in one.get("rules") or ())
        yield GroupDefinition(one["name"], file, interval, rules)


def _rule(where: str, found: Any) -> RuleDefinition:
    kinds = [kind for kind in _KEYS if isinstance(found, Mapping) and found.get(kind)]
    if len(kinds) != 1:
        raise _error(where, 'has a rule that is neither "record" nor "alert"')
    kind = kinds[0]
    name, where = str(found[kind]), f"{where}, {kind} {str(found[kind])!r}"
    _check_keys(where, found, {kind, "expr"} | _KEYS[kind])
    if kind == "record" and not _METRIC.fullmatch(name):
        raise _error(where, "is not the name of a metric")
    labels = _strings(where, "labels", found.get("labels"))
    annotations = _strings(where, "annotations", found.get("annotations"))
    templates = {} if kind == "record" else _templates(where, {**labels, **annotations}.values())
    return RuleDefinition(
        kind,
        name,
        _query(where, found.get("expr")),
        labels,
        _duration(where, "for", found.get("for", "0s")),
        _duration(where, "keep_firing_for", found.get("keep_firing_for", "0s")),
        annotations,
        templates,
    )


def _query(where: str, expr: Any) -> str:
    text = str(expr if expr is not None else "")
    try:
        checked_query(text)
    except QueryError as error:
        raise _error(where, f"expr {text!r}: {error.message}") from error
    return text


def _templates(where: str, texts: Any) -> dict[str, TemplateBlock]:
    try:
        return {text: parse_template(text) for text in texts if "{{" in text}
    except TemplateError as error:
        raise _error(where, str(error)) from error


def _strings(where: str, key: str, found: Any) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, Mapping) or not all(_LABEL.fullmatch(str(name)) for name in found):
        raise _error(where, f"{key} must be a table of names and strings")
    return {str(name): str(text) for name, text in found.items()}


def _duration(where: str, key: str, given: Any) -> int:
    try:
        found = to_milliseconds(str(given))
    except ValueError:
        found = None
    if found is None or (key == "interval" and not found):
        raise _error(where, f"{key}={given!r} is not a duration")
    return found


def _check_keys(where: str, found: Mapping[Any, Any], keys: set[str]) -> None:
    for key in found:
        if key not in keys:
            raise _error(where, f"{key} is not supported (supported: {', '.join(sorted(keys))})")


def _error(where: str, problem: str) -> SettingsError:
    return SettingsError("rules", where, problem, EXAMPLE)


SETTINGS_FILE = "sidelight.toml"
MAX_BYTES = 8 << 20


def groups_of_files(files: Sequence[str]) -> Iterator[GroupDefinition]:
    """Return all groups of these files. Raises `SettingsError`."""
    import yaml  # noqa: PLC0415 not needed without files

    for file in files:
        try:
            with Path(file).open("rb") as opened:
                found = yaml.safe_load(opened.read(MAX_BYTES))
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise SettingsError("rules", file, f"can't be read: {error}", EXAMPLE) from error
        yield from parse_groups(file, found)


def groups_of_settings(found: list[dict[str, Any]]) -> list[GroupDefinition]:
    """Return the groups that the service's settings make. Raises `SettingsError`."""
    return list(parse_groups(SETTINGS_FILE, {"groups": found}))
