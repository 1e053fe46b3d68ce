"""The endpoints for series, label names, label values, metadata and build information."""

import json
from collections.abc import Callable, Sequence
from functools import partial

from sidelight.embedded.api.parameters import (
    MATCH,
    ApiParameters,
    invalid_parameter,
    matcher_sets,
    parse_int,
)
from sidelight.embedded.api.responses import TRUNCATED, ResponseData, format_metric
from sidelight.embedded.api.times import MAX_TIME, MIN_TIME
from sidelight.embedded.history.exposition import MetricMetadata
from sidelight.embedded.history.history import History
from sidelight.embedded.promql.label_names import is_label_name, unescape_name
from sidelight.embedded.promql.limits import QueryError, QueryLimits, QueryUsage, bad_data
from sidelight.embedded.promql.quoting import quote
from sidelight.embedded.promql.storage import LabelMatcher
from sidelight.runtime.about import version


def series(history: History, params: ApiParameters, limits: QueryLimits) -> ResponseData:
    """Answer ``/api/v1/series``: label sets with samples in the time range. Raises `QueryError`."""
    params.check_form()
    if not params.texts(MATCH):
        raise bad_data(f"no {MATCH} parameter provided")
    limit = params.limit()
    begin, end = _time_range(params)
    try:
        found = matcher_sets(params, limits)
    except QueryError as error:
        raise invalid_parameter(MATCH, error.message) from error
    usage = QueryUsage(limits)
    sets: dict[str, None] = {}
    for matchers in found:
        usage.check_time()
        for reader in history.select(matchers, begin - 1, end):
            for number in range(reader.block_count):
                usage.check_time()
                sets.update(dict.fromkeys(map(format_metric, reader.block(number).labels)))
    return _limited(sorted(sets), limit, lambda kept: f"[{','.join(kept)}]")


def labels(history: History, params: ApiParameters, limits: QueryLimits) -> ResponseData:
    """Answer ``/api/v1/labels``: label names. Raises `QueryError`."""
    return _find(history, history.names, params, limits)


def label_values(
    history: History, name: str, params: ApiParameters, limits: QueryLimits
) -> ResponseData:
    """Answer ``/api/v1/label/<name>/values``. Raises `QueryError`."""
    label = unescape_name(name)
    if not is_label_name(label):
        raise bad_data(f"invalid label name: {quote(label)}")
    return _find(history, partial(history.values, label), params, limits)


def metadata(families: MetricMetadata, params: ApiParameters) -> ResponseData:
    """Answer ``/api/v1/metadata``: type, help and unit by metric family. Raises `QueryError`."""
    limit, name = _optional_count(params, "limit"), params.text("metric")
    _optional_count(params, "limit_per_metric")  # a family has one description here
    known = {n: [about] for n, about in families if not name or n == name}
    return ResponseData(json.dumps(dict(list(known.items())[:limit])))


def _optional_count(params: ApiParameters, name: str) -> int | None:
    """Return a parameter that is a number; None if it is missing or negative."""
    try:
        found = parse_int(params.text(name), "Atoi") if params.text(name) else -1
    except ValueError:
        raise bad_data(f"{name} must be a number") from None
    return found if found >= 0 else None


def _find(
    history: History,
    find: Callable[[Sequence[LabelMatcher]], set[str]],
    params: ApiParameters,
    limits: QueryLimits,
) -> ResponseData:
    """Answer with what is found by each ``match[]``, or in all series without one; sorted.

    A time range that the history overlaps has all of its series, as in Prometheus's own memory.
    """
    limit = params.limit()
    begin, end = _time_range(params)
    sets = matcher_sets(params, limits) or [()]
    usage = QueryUsage(limits)
    found: set[str] = set()
    for matchers in sets if history.overlaps(begin, end) else ():
        usage.check_time()
        found |= find(matchers)
    return _limited(sorted(found), limit, _json_list)


def _time_range(params: ApiParameters) -> tuple[int, int]:
    return params.time("start", MIN_TIME).in_storage, params.time("end", MAX_TIME).in_storage


def _limited(found: list[str], limit: int, format_list: Callable[[list[str]], str]) -> ResponseData:
    if not 0 < limit < len(found):
        return ResponseData(format_list(found))
    return ResponseData(format_list(found[:limit]), [TRUNCATED])


def _json_list(found: list[str]) -> str:
    return json.dumps(found, ensure_ascii=False)


PROMETHEUS_VERSION = "3.5.0"
"""The version whose API and query language this is; clients choose their requests by it."""


def buildinfo() -> ResponseData:
    """Answer ``/api/v1/status/buildinfo``."""
    about = {
        "version": PROMETHEUS_VERSION,
        "revision": f"sidelight {version('sidelight')}",
        "branch": "",
        "buildUser": "",
        "buildDate": "",
        "goVersion": "",
    }
    return ResponseData(json.dumps(about))
