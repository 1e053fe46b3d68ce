"""Rules as they are written, checked."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sidelight.durations import to_milliseconds
from sidelight.embedded.promql.engine import understood
from sidelight.embedded.promql.errors import QueryError
from sidelight.embedded.templates.reading import TemplateError
from sidelight.embedded.templates.tree import Block, parse
from sidelight.errors import SettingsError

EXAMPLE = "--rules FILE, as `sidelight rules build --output FILE` writes it"
DEFAULT_INTERVAL = "1m"
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_KEYS = {"record": {"labels"}, "alert": {"labels", "annotations", "for", "keep_firing_for"}}
_GROUP = {"name", "interval", "rules", "limit", "query_offset", "labels"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule that records, or an alert; durations in milliseconds.

    ``hold`` is Prometheus's ``for``. ``labels`` of an alert and ``annotations`` are templates.
    """

    kind: str
    name: str
    expr: str
    labels: Mapping[str, str]
    hold: int = 0
    keep_firing: int = 0
    annotations: Mapping[str, str] = field(default_factory=dict)
    templates: Mapping[str, Block] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are evaluated one after another, every ``interval`` milliseconds."""

    name: str
    file: str
    interval: int
    rules: tuple[Rule, ...]


def groups(file: str, found: Any) -> Iterator[Group]:
    """The groups of one file's content. Raises `SettingsError`."""
    listed = found.get("groups") if isinstance(found, Mapping) else None
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        raise _wrong(file, "has no list of groups")
    for one in listed:
        if not isinstance(one, Mapping) or not isinstance(one.get("name"), str):
            raise _wrong(file, "has a group without a name")
        where = f"{file}: group {one['name']!r}"
        _known(where, one, _GROUP - {"limit", "query_offset", "labels"})
        interval = _duration(where, "interval", one.get("interval", DEFAULT_INTERVAL))
        rules = tuple(_rule(where, rule) for rule in one.get("rules") or ())
        yield Group(one["name"], file, interval, rules)


def _rule(where: str, found: Any) -> Rule:
    kinds = [kind for kind in _KEYS if isinstance(found, Mapping) and found.get(kind)]
    if len(kinds) != 1:
        raise _wrong(where, "has a rule that is not one of record and alert")
    kind = kinds[0]
    name, where = str(found[kind]), f"{where}, {kind} {str(found[kind])!r}"
    _known(where, found, {kind, "expr"} | _KEYS[kind])
    if kind == "record" and not _METRIC.fullmatch(name):
        raise _wrong(where, "is no name of a metric")
    labels = _texts(where, "labels", found.get("labels"))
    notes = _texts(where, "annotations", found.get("annotations"))
    templates = {} if kind == "record" else _templates(where, {**labels, **notes}.values())
    return Rule(
        kind,
        name,
        _query(where, found.get("expr")),
        labels,
        _duration(where, "for", found.get("for", "0s")),
        _duration(where, "keep_firing_for", found.get("keep_firing_for", "0s")),
        notes,
        templates,
    )


def _query(where: str, expr: Any) -> str:
    text = str(expr if expr is not None else "")
    try:
        understood(text)
    except QueryError as error:
        raise _wrong(where, f"expr {text!r}: {error.message}") from error
    return text


def _templates(where: str, texts: Any) -> dict[str, Block]:
    try:
        return {text: parse(text) for text in texts if "{{" in text}
    except TemplateError as error:
        raise _wrong(where, str(error)) from error


def _texts(where: str, key: str, found: Any) -> dict[str, str]:
    if found is None:
        return {}
    if not isinstance(found, Mapping) or not all(_LABEL.fullmatch(str(name)) for name in found):
        raise _wrong(where, f"{key} must be a table of names and texts")
    return {str(name): str(text) for name, text in found.items()}


def _duration(where: str, key: str, given: Any) -> int:
    try:
        found = to_milliseconds(str(given))
    except ValueError:
        found = None
    if found is None or (key == "interval" and not found):
        raise _wrong(where, f"{key}={given!r} is no duration")
    return found


def _known(where: str, found: Mapping[Any, Any], keys: set[str]) -> None:
    for key in found:
        if key not in keys:
            raise _wrong(where, f"{key} is not known here (known: {', '.join(sorted(keys))})")


def _wrong(where: str, problem: str) -> SettingsError:
    return SettingsError("rules", where, problem, EXAMPLE)
