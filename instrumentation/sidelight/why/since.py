"""Since when a cause lasts."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import Final

from sidelight.why.answers import CONCURRENCY
from sidelight.why.report import Cause
from sidelight.why.scope import STEPS, Scope
from sidelight.why.source import PrometheusApi, SourceError

MOST: Final = 3
"""Causes of which the beginning is looked up; of the others it is that of their alerts."""
GAP: Final = 2.5
"""Steps without a result that do not end it."""


def dated(source: PrometheusApi, scope: Scope, found: list[Cause]) -> list[Cause]:
    """Each cause with the time since when it lasts; of the first ones, by their own query."""
    with ThreadPoolExecutor(CONCURRENCY) as threads:
        times = list(threads.map(lambda one: _onset(source, scope, one), found[:MOST]))
    times += [None] * (len(found) - len(times))
    return [_since(cause, time) for cause, time in zip(found, times, strict=True)]


def _since(cause: Cause, onset: float | None) -> Cause:
    known = [one.since for one in cause.alerts] + ([] if onset is None else [onset])
    return replace(cause, since=min(known, default=None))


def _onset(source: PrometheusApi, scope: Scope, cause: Cause) -> float | None:
    """The start of the last uninterrupted time in which the cause's query had a result."""
    if not cause.onset:
        return None
    step = (scope.now - scope.before) / STEPS
    times: list[float] = []
    with suppress(SourceError):
        times = source.times(cause.onset, cause.labels, (scope.before, scope.now, step))
    if not times or times[-1] < scope.now - GAP * step:
        return None
    start = times[-1]
    for time in reversed(times):
        if start - time > GAP * step:
            break
        start = time
    return start
