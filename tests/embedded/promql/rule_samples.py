"""What rules record at given times, as samples."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sidelight.embedded.promql.storage import SampleBlock
from tests.embedded.promql.answers import Answer
from tests.embedded.promql.oracle_server import OracleServer
from tests.embedded.promql.sample_blocks import MARKER, LabelPairs, block

Value = float | str | None


def recorded(
    server: OracleServer, rules: Sequence[Mapping[str, Any]], times: Sequence[int]
) -> Iterator[SampleBlock]:
    """Yield the samples of each rule; they must be stored before the next rule is evaluated."""
    for rule in rules:
        answer = server.ask_range(rule["expr"], times[0], times[-1], times[1] - times[0])
        assert not answer.error, (rule, answer.message)
        found = block(times, _rows(rule, answer, times))
        if found.labels:
            yield found


def _rows(
    rule: Mapping[str, Any], answer: Answer, times: Sequence[int]
) -> dict[LabelPairs, list[Value]]:
    """Return a row for each series of a recording rule, or the two of each alert."""
    places = {time: place for place, time in enumerate(times)}
    rows: dict[LabelPairs, list[Value]] = {}
    for (has, time), value in answer.points.items():
        assert isinstance(value, float), "rules record no histograms yet"
        labels = pairs({**dict(has), **(rule.get("labels") or {})})
        rows.setdefault(labels, [None] * len(times))[places[time]] = value
    made: dict[LabelPairs, list[Value]] = {}
    for labels, row in rows.items():
        made |= _alert(rule, labels, row, times) if "alert" in rule else _record(rule, labels, row)
    return {key: marked(row) for key, row in made.items()}


def _record(
    rule: Mapping[str, Any], labels: LabelPairs, row: list[Value]
) -> dict[LabelPairs, list[Value]]:
    return {_named(labels, __name__=rule["record"]): row}


def _alert(
    rule: Mapping[str, Any], labels: LabelPairs, row: Sequence[Value], times: Sequence[int]
) -> dict[LabelPairs, list[Value]]:
    """Return ALERTS, and ALERTS_FOR_STATE: the seconds since the epoch at which it began."""
    name, began = rule["alert"], 0.0
    since: list[Value] = []
    for value, before, time in zip(row, [None, *row], times, strict=False):
        began = time / 1000 if before is None else began
        since.append(None if value is None else began)
    firing: list[Value] = [None if value is None else 1.0 for value in row]
    return {
        _named(labels, __name__="ALERTS", alertname=name, alertstate="firing"): firing,
        _named(labels, __name__="ALERTS_FOR_STATE", alertname=name): since,
    }


def _named(labels: LabelPairs, **others: str) -> LabelPairs:
    return pairs({**dict(labels), **others})


def pairs(has: Mapping[str, str]) -> LabelPairs:
    """Return labels in order, without empty ones."""
    return tuple(sorted((name, value) for name, value in has.items() if value))


def marked(row: Sequence[Value]) -> list[Value]:
    """Return a row with a marker where the series ends."""
    return [
        MARKER if now is None and isinstance(before, float) else now
        for before, now in zip([None, *row], row, strict=False)
    ]
