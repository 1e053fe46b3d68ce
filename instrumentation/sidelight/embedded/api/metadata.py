"""The endpoints for series, label names, label values, metadata and build information."""

import json
import re
from collections.abc import Callable, Sequence
from functools import partial

from sidelight.durations import LONGEST
from sidelight.embedded.api.parameters import ApiParameters, matcher_sets
from sidelight.embedded.api.responses import ResponseData, format_metric
from sidelight.embedded.history.exposition import MetricMetadata
from sidelight.embedded.history.history import History
from sidelight.embedded.promql.limits import QueryError, QueryLimits, QueryUsage, bad_data
from sidelight.embedded.promql.storage import LabelMatcher
from sidelight.runtime.about import version

LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def series(history: History, params: ApiParameters, limits: QueryLimits) -> ResponseData:
    """Answer ``/api/v1/series``: label sets with samples in the time range. Raises `QueryError`."""
    limit = params.limit()
    found = matcher_sets(params, limits)
    if not found:
        raise bad_data("no match[] parameter provided")
    begin, end = _time_range(params)
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
    limit = params.limit()
    return _limited(_find(history.names, params, limits), limit, _json_list)


def label_values(
    history: History, name: str, params: ApiParameters, limits: QueryLimits
) -> ResponseData:
    """Answer ``/api/v1/label/<name>/values``. Raises `QueryError`."""
    if not LABEL.fullmatch(name):
        raise bad_data(f'invalid label name: "{name}"')
    limit = params.limit()
    return _limited(_find(partial(history.values, name), params, limits), limit, _json_list)


def metadata(families: MetricMetadata, params: ApiParameters) -> ResponseData:
    """Answer ``/api/v1/metadata``: type, help and unit by metric family. Raises `QueryError`."""
    limit, name = _optional_count(params, "limit"), params.text("metric")
    each = _optional_count(params, "limit_per_metric")
    known = {n: [about] for n, about in families if not name or n == name}
    if each == 0:
        known = {n: [] for n in known}
    return ResponseData(json.dumps(known if limit is None else dict(list(known.items())[:limit])))


def _optional_count(params: ApiParameters, name: str) -> int | None:
    """Return a parameter that is a number; None if it is missing or negative."""
    given = params.text(name)
    if not given:
        return None
    if not re.fullmatch(r"-?\d{1,18}", given):
        raise QueryError("bad_data", f"{name} must be a number")
    return int(given) if int(given) >= 0 else None


def _find(
    find: Callable[[Sequence[LabelMatcher]], set[str]], params: ApiParameters, limits: QueryLimits
) -> list[str]:
    """Return what is found with each ``match[]``, or in all series without one; sorted."""
    _time_range(params)
    usage = QueryUsage(limits)
    found: set[str] = set()
    for matchers in matcher_sets(params, limits) or [()]:
        usage.check_time()
        found |= find(matchers)
    return sorted(found)


def _time_range(params: ApiParameters) -> tuple[int, int]:
    return params.time("start", -LONGEST), params.time("end", LONGEST)


def _limited(found: list[str], limit: int, format_list: Callable[[list[str]], str]) -> ResponseData:
    if not 0 < limit < len(found):
        return ResponseData(format_list(found))
    return ResponseData(format_list(found[:limit]), truncated=True)


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
