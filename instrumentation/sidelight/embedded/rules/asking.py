"""Queries of rules, and where their results go."""

import json
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from sidelight.embedded.history.history import History
from sidelight.embedded.history.selection import Selection
from sidelight.embedded.promql import engine
from sidelight.embedded.promql.errors import failed
from sidelight.embedded.promql.limits import Limits
from sidelight.embedded.promql.result import Scalar, Vector

LIMITS = Limits(samples=5_000_000)
Sample = tuple[dict[str, str], float]


def ask(history: History, text: str, at: int) -> list[Sample]:
    """What a rule's expression gives. Raises `QueryError`."""
    with Selection(history, LIMITS) as source:
        found = engine.query(text, source, at, LIMITS)
    if isinstance(found, Scalar):
        return [({}, found.value)]
    if not isinstance(found, Vector):
        raise failed("rule result is not a vector or scalar")
    pairs = zip(found.labels, found.values.tolist(), strict=True)
    return [(dict(labels), value) for labels, value in pairs]


def samples(history: History, text: str, at: int) -> list[dict[str, Any]]:
    """What a template's query gives."""
    return [{"Labels": labels, "Value": value} for labels, value in ask(history, text, at)]


def record(
    history: History, key: Hashable, at: int, found: Sequence[Sample]
) -> Mapping[str, str] | None:
    """One step of a rule's own stream: what it doesn't have any more has ended.

    A series that another rule records is left out, since there is one of each label set; what is
    returned is such a set, if there is any.
    """
    stream, doubled = history.stream(key), None
    step = {}
    with history.lock:
        for labels, value in found:
            if history.elsewhere(stream, known(labels)):
                doubled = labels
                continue
            number = history.identify(stream, known(labels), labels.copy)
            if number is not None:
                step[number] = value
    history.add(stream, at, step)
    return doubled


def known(labels: Mapping[str, str]) -> bytes:
    """A label set as a key."""
    return json.dumps(sorted(labels.items()), separators=(",", ":")).encode()
