"""Exemplars of the series that a query is about."""

import json

from sidelight.durations import LONGEST
from sidelight.embedded.api.answers import Data
from sidelight.embedded.api.parameters import Parameters
from sidelight.embedded.api.results import metric
from sidelight.embedded.api.selectors import selectors
from sidelight.embedded.history.exemplars import Exemplars, Kept
from sidelight.embedded.promql.errors import wrong
from sidelight.embedded.promql.limits import Limits
from sidelight.embedded.promql.matching import matching
from sidelight.embedded.promql.parsing import parse
from sidelight.embedded.promql.spelling import seconds, value


def exemplars(kept: Exemplars, asked: Parameters, limits: Limits) -> Data:
    """``/api/v1/query_exemplars``. Raises `QueryError`."""
    begin, end = asked.time("start", -LONGEST), asked.time("end", LONGEST)
    if end < begin:
        raise wrong("end timestamp must not be before start timestamp")
    found = selectors(parse(asked.text("query"), limits))
    tests = [matching(one) for one in found]
    by_series: dict[str, list[Kept]] = {}
    for one in kept.between(begin, end):
        if any(test(one.series) for test in tests):
            by_series.setdefault(metric(one.series), []).append(one)
    rows = ",".join(_row(labels, ones) for labels, ones in sorted(by_series.items()))
    return Data(f"[{rows}]")


def _row(labels: str, ones: list[Kept]) -> str:
    ones.sort(key=lambda one: one.time)
    texts = (
        f'{{"labels":{json.dumps(one.found.labels)},"value":"{value(one.found.value)}",'
        f'"timestamp":{seconds(one.time)}}}'
        for one in ones
    )
    return f'{{"seriesLabels":{labels},"exemplars":[{",".join(texts)}]}}'
