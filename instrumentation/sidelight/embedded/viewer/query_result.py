"""Answers of Prometheus's HTTP API as typed values.

https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Labels = Mapping[str, str]
Bucket = tuple[float, float, float]
"""A bucket of a native histogram: its lower and its upper boundary, and its count."""


class DataSourceError(Exception):
    """A server did not answer or refused a request; the message is shown to the reader."""


class QueryRefusedError(DataSourceError):
    """A server cannot evaluate a query."""


@dataclass(frozen=True, slots=True)
class ResultSeries:
    """One series of a result: times in seconds since 1970, and a value for each.

    Native histograms are no values: of each time they have buckets, without empty ones.
    """

    labels: Labels
    times: Sequence[float]
    values: Sequence[float]
    histograms: Mapping[float, Sequence[Bucket]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """The series of a result, and the server's warnings."""

    series: tuple[ResultSeries, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceExemplar:
    """The exemplar of one trace: its time, its value and its labels."""

    time: float
    value: float
    labels: Labels


@dataclass(frozen=True, slots=True)
class ActiveAlert:
    """One alert that is pending or firing."""

    labels: Labels
    annotations: Labels
    state: str
    since: str


@dataclass(frozen=True, slots=True)
class AlertingRule:
    """One alerting rule with its alerts."""

    name: str
    expr: str
    duration: float
    labels: Labels
    annotations: Labels
    health: str
    error: str
    alerts: tuple[ActiveAlert, ...] = field(default=())


def query_result(body: Any) -> QueryResult:
    """The result of a query. A scalar becomes a series without labels.

    Raises `DataSourceError` for a string.
    """
    data = body["data"]
    kind, result = data["resultType"], data["result"]
    if kind == "scalar":
        result = [{"metric": {}, "value": result}]
    elif kind not in {"matrix", "vector"}:
        raise DataSourceError(f"a result of type {kind} can't be drawn")
    warnings = (*body.get("warnings", ()), *body.get("infos", ()))
    return QueryResult(tuple(map(_series, result)), warnings)


def _series(one: Any) -> ResultSeries:
    points, histograms = (
        one.get(f"{kind}s") or ([one[kind]] if kind in one else [])
        for kind in ("value", "histogram")
    )
    return ResultSeries(
        one["metric"],
        [float(t) for t, _ in points],
        [float(v) for _, v in points],
        {float(t): _buckets(histogram) for t, histogram in histograms},
    )


def _buckets(histogram: Any) -> list[Bucket]:
    found = histogram.get("buckets", ())
    return [(float(low), float(high), float(count)) for _, low, high, count in found]


def exemplars(body: Any) -> tuple[TraceExemplar, ...]:
    """The exemplars of all series, the oldest first."""
    found = (
        TraceExemplar(float(one["timestamp"]), float(one["value"]), one.get("labels", {}))
        for series in body["data"]
        for one in series["exemplars"]
    )
    return tuple(sorted(found, key=lambda exemplar: exemplar.time))


def alerting_rules(body: Any) -> tuple[AlertingRule, ...]:
    """The alerting rules, in the order of the server's files."""
    return tuple(alerting_rule(one) for group in body["data"]["groups"] for one in group["rules"])


def alerting_rule(one: Any) -> AlertingRule:
    """One alerting rule."""
    return AlertingRule(
        name=one["name"],
        expr=one["query"],
        duration=float(one.get("duration", 0)),
        labels=one.get("labels", {}),
        annotations=one.get("annotations", {}),
        health=one.get("health", ""),
        error=one.get("lastError", ""),
        alerts=tuple(map(active_alert, one.get("alerts") or ())),
    )


def active_alert(one: Any) -> ActiveAlert:
    """One alert."""
    return ActiveAlert(
        one["labels"], one.get("annotations", {}), one["state"], one.get("activeAt") or ""
    )
