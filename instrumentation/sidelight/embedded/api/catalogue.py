"""Which series, labels and families there are."""

import json
import re
from collections.abc import Callable, Sequence
from functools import partial

from sidelight.durations import LONGEST
from sidelight.embedded.api.answers import Data
from sidelight.embedded.api.parameters import Parameters
from sidelight.embedded.api.results import metric
from sidelight.embedded.api.selectors import matches
from sidelight.embedded.history.families import Families
from sidelight.embedded.history.history import History
from sidelight.embedded.promql.errors import QueryError, wrong
from sidelight.embedded.promql.limits import Budget, Limits
from sidelight.embedded.promql.source import Matcher

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def series(history: History, asked: Parameters, limits: Limits) -> Data:
    """``/api/v1/series``: label sets with samples at these times. Raises `QueryError`."""
    limit = asked.limit()
    found = matches(asked, limits)
    if not found:
        raise wrong("no match[] parameter provided")
    begin, end = _span(asked)
    budget = Budget(limits)
    sets: dict[str, None] = {}
    for matchers in found:
        budget.check()
        for reading in history.select(matchers, begin - 1, end):
            for number in range(reading.pieces):
                budget.check()
                sets.update(dict.fromkeys(map(metric, reading.piece(number).labels)))
    return _cut(sorted(sets), limit, lambda kept: f"[{','.join(kept)}]")


def labels(history: History, asked: Parameters, limits: Limits) -> Data:
    """``/api/v1/labels``: label names. Raises `QueryError`."""
    limit = asked.limit()
    return _cut(_known(history.names, asked, limits), limit, _listed)


def values(history: History, name: str, asked: Parameters, limits: Limits) -> Data:
    """``/api/v1/label/<name>/values``. Raises `QueryError`."""
    if not LABEL.fullmatch(name):
        raise wrong(f'invalid label name: "{name}"')
    limit = asked.limit()
    return _cut(_known(partial(history.values, name), asked, limits), limit, _listed)


def metadata(families: Families, asked: Parameters) -> Data:
    """``/api/v1/metadata``: kind, help and unit by family. Raises `QueryError`."""
    limit, name = _count(asked, "limit"), asked.text("metric")
    each = _count(asked, "limit_per_metric")
    known = {n: [about] for n, about in families if not name or n == name}
    if each == 0:
        known = {n: [] for n in known}
    return Data(json.dumps(known if limit is None else dict(list(known.items())[:limit])))


def _count(asked: Parameters, name: str) -> int | None:
    """A number that the oldest of these parameters takes; negative or missing is no bound."""
    given = asked.text(name)
    if not given:
        return None
    if not re.fullmatch(r"-?\d{1,18}", given):
        raise QueryError("bad_data", f"{name} must be a number")
    return int(given) if int(given) >= 0 else None


def _known(
    find: Callable[[Sequence[Matcher]], set[str]], asked: Parameters, limits: Limits
) -> list[str]:
    """What is found of each selector, or of all series without any; sorted."""
    _span(asked)
    budget = Budget(limits)
    found: set[str] = set()
    for matchers in matches(asked, limits) or [()]:
        budget.check()
        found |= find(matchers)
    return sorted(found)


def _span(asked: Parameters) -> tuple[int, int]:
    return asked.time("start", -LONGEST), asked.time("end", LONGEST)


def _cut(found: list[str], limit: int, written: Callable[[list[str]], str]) -> Data:
    if not 0 < limit < len(found):
        return Data(written(found))
    return Data(written(found[:limit]), truncated=True)


def _listed(found: list[str]) -> str:
    return json.dumps(found, ensure_ascii=False)
