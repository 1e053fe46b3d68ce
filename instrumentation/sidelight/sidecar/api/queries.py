"""Queries at one time and over a range of times."""

from collections.abc import Callable
from functools import partial

from sidelight.promql import engine
from sidelight.promql.errors import QueryError, wrong
from sidelight.promql.limits import Limits
from sidelight.promql.result import Result
from sidelight.sidecar.api.parameters import Parameters, invalid, now
from sidelight.sidecar.api.results import data
from sidelight.sidecar.history.history import History
from sidelight.sidecar.history.selection import Selection

MOST_POINTS = 11_000


def instant(history: History, asked: Parameters, limits: Limits) -> str:
    """``/api/v1/query``. Raises `QueryError`."""
    at = asked.time("time", now())
    with Selection(history, limits) as source:
        return _answered(partial(engine.query, asked.text("query"), source, at, limits))


def over_range(history: History, asked: Parameters, limits: Limits) -> str:
    """``/api/v1/query_range``. Raises `QueryError`."""
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
    if (end - start) // step > MOST_POINTS:
        raise wrong(
            f"exceeded maximum resolution of {MOST_POINTS:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    text = asked.text("query")
    with Selection(history, limits) as source:
        return _answered(partial(engine.query_range, text, source, start, end, step, limits))


def _answered(ask: Callable[[], Result]) -> str:
    try:
        return data(ask())
    except QueryError as error:
        if error.kind == "bad_data":
            raise invalid("query", error.message) from error
        raise
