"""The endpoints ``query``, ``query_range`` and ``query_exemplars``."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sidelight.embedded.api.parameters import ApiParameters, invalid_parameter, now
from sidelight.embedded.api.responses import (
    NO_CONTENT,
    TRUNCATED,
    ResponseData,
    format_metric,
    query_data,
)
from sidelight.embedded.api.times import MAX_TIME, MILLISECOND, MIN_TIME, parse_duration
from sidelight.embedded.history.exposition import Exemplars, SeriesExemplar
from sidelight.embedded.history.history import History, HistoryQuerier
from sidelight.embedded.promql.annotations import Annotations
from sidelight.embedded.promql.ast import selected_matchers
from sidelight.embedded.promql.engine import Matrix, Result, Vector, instant_query, range_query
from sidelight.embedded.promql.formatting import format_seconds, format_value
from sidelight.embedded.promql.limits import QueryError, QueryLimits, QueryUsage, bad_data
from sidelight.embedded.promql.parser import parse
from sidelight.embedded.promql.storage import label_set_test

# Parameters are refused in the order of Prometheus: of several that are wrong, it names the first.


def query(history: History, params: ApiParameters, limits: QueryLimits) -> ResponseData:
    """Answer ``/api/v1/query``. Raises `QueryError`."""
    limit = params.limit()
    at = params.time("time", now()).in_engine
    params.timeout(0)
    limits, text = _with_lookback(params, limits), params.text("query")
    with HistoryQuerier(history, limits) as source:
        return _response_data(text, limit, partial(instant_query, text, source, at, limits))


def query_range(history: History, params: ApiParameters, limits: QueryLimits) -> ResponseData:
    """Answer ``/api/v1/query_range``. Raises `QueryError`."""
    limit = params.limit()
    start, end = params.required_time("start"), params.required_time("end")
    if end < start:
        raise invalid_parameter("end", "end timestamp must not be before start time")
    step = _step(params)
    QueryUsage(limits).check_points(end.since(start) // step)
    if step < MILLISECOND:
        raise invalid_parameter("step", "is less than a millisecond")
    params.timeout(0)
    limits = _with_lookback(params, limits)
    text, between = params.text("query"), (start.in_engine, end.in_engine, step // MILLISECOND)
    with HistoryQuerier(history, limits) as source:
        return _response_data(text, limit, partial(range_query, text, source, *between, limits))


def _step(params: ApiParameters) -> int:
    """Return the step in nanoseconds. Raises `QueryError`."""
    step = params.duration("step")
    if step <= 0:
        raise invalid_parameter(
            "step",
            "zero or negative query resolution step widths are not accepted. "
            "Try a positive integer",
        )
    return step


def _with_lookback(params: ApiParameters, limits: QueryLimits) -> QueryLimits:
    """Return the limits with the lookback delta of the request, if it has one."""
    name = "lookback_delta"
    try:
        given = parse_duration(params.text(name)) if params.text(name) else 0
    except ValueError as why:
        raise bad_data(f"error parsing lookback delta duration: {why}") from None
    return replace(limits, lookback=given // MILLISECOND) if given > 0 else limits


def _response_data(
    text: str, limit: int, evaluate: Callable[[Annotations], Result]
) -> ResponseData:
    annotations = Annotations()
    try:
        found = evaluate(annotations)
    except QueryError as error:
        if error.kind == "bad_data":
            raise invalid_parameter("query", error.message) from error
        raise
    kept = _cut(found, limit) if limit else found
    truncated = [] if kept is found else [TRUNCATED]
    warnings = [*annotations.warnings(text), *truncated]
    return ResponseData(query_data(kept), warnings, annotations.infos(text))


def _cut(found: Result, limit: int) -> Result:
    """Return the first series of a result; the result itself if there are no more."""
    if not isinstance(found, Vector | Matrix) or len(found.labels) <= limit:
        return found
    labels, values = found.labels[:limit], found.values[:limit]
    table = None if found.histograms is None else found.histograms[:limit]
    if isinstance(found, Vector):
        return replace(found, labels=labels, values=values, histograms=table)
    present = found.present[:limit]
    return replace(found, labels=labels, values=values, present=present, histograms=table)


def query_exemplars(stored: Exemplars, params: ApiParameters, limits: QueryLimits) -> ResponseData:
    """Answer ``/api/v1/query_exemplars``. Raises `QueryError`."""
    begin, end = params.time("start", MIN_TIME), params.time("end", MAX_TIME)
    if end < begin:
        raise bad_data("end timestamp must not be before start timestamp")
    found = selected_matchers(parse(params.text("query"), limits))
    tests = [label_set_test(one) for one in found]
    if not tests:
        return NO_CONTENT
    by_series: dict[str, list[SeriesExemplar]] = {}
    for one in stored.between(begin.in_storage, end.in_storage):
        if any(test(one.series) for test in tests):
            by_series.setdefault(format_metric(one.series), []).append(one)
    rows = ",".join(
        _exemplars_of_series(labels, exemplars) for labels, exemplars in sorted(by_series.items())
    )
    return ResponseData(f"[{rows}]")


def _exemplars_of_series(labels: str, exemplars: list[SeriesExemplar]) -> str:
    exemplars.sort(key=lambda one: one.time)
    texts = (
        f'{{"labels":{json.dumps(one.exemplar.labels)},"value":"{format_value(one.exemplar.value)}",'
        f'"timestamp":{format_seconds(one.time)}}}'
        for one in exemplars
    )
    return f'{{"seriesLabels":{labels},"exemplars":[{",".join(texts)}]}}'
