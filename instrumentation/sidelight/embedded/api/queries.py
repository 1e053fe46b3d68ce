"""Queries at one time and over a range of times."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sidelight.embedded.api.answers import Data
from sidelight.embedded.api.parameters import Parameters, invalid, now
from sidelight.embedded.api.results import data
from sidelight.embedded.history.history import History
from sidelight.embedded.history.selection import Selection
from sidelight.embedded.promql import engine
from sidelight.embedded.promql.errors import QueryError
from sidelight.embedded.promql.limits import Budget, Limits
from sidelight.embedded.promql.result import Matrix, Result, Vector


def instant(history: History, asked: Parameters, limits: Limits) -> Data:
    """``/api/v1/query``. Raises `QueryError`."""
    limit = _limit(asked)
    at = asked.time("time", now())
    with Selection(history, limits) as source:
        return _answered(partial(engine.query, asked.text("query"), source, at, limits), limit)


def over_range(history: History, asked: Parameters, limits: Limits) -> Data:
    """``/api/v1/query_range``. Raises `QueryError`."""
    limit = _limit(asked)
    start, end = asked.time("start"), asked.time("end")
    if end < start:
        raise invalid("end", "end timestamp must not be before start time")
    step = asked.duration("step")
    if step <= 0:
        raise invalid(
            "step",
            "zero or negative query resolution step widths are not accepted. "
            "Try a positive integer",
        )
    Budget(limits).steps((end - start) // step)  # before the query's own words have the field's
    text = asked.text("query")
    with Selection(history, limits) as source:
        ask = partial(engine.query_range, text, source, start, end, step, limits)
        return _answered(ask, limit)


def _limit(asked: Parameters) -> int:
    """How many series are asked for. Raises `QueryError`, for what can't be asked for, too."""
    limit = asked.limit()
    asked.refuse("lookback_delta")
    return limit


def _answered(ask: Callable[[], Result], limit: int) -> Data:
    try:
        found = ask()
    except QueryError as error:
        if error.kind == "bad_data":
            raise invalid("query", error.message) from error
        raise
    kept = _cut(found, limit) if limit else found
    return Data(data(kept), truncated=kept is not found)


def _cut(found: Result, limit: int) -> Result:
    """The first series of a result; the result itself where there are no more."""
    if not isinstance(found, Vector | Matrix) or len(found.labels) <= limit:
        return found
    labels, values = found.labels[:limit], found.values[:limit]
    if isinstance(found, Vector):
        return replace(found, labels=labels, values=values)
    return replace(found, labels=labels, values=values, present=found.present[:limit])
