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
    """Return a row for each series of a recording rule, or for each alert in ALERTS."""
    places = {time: place for place, time in enumerate(times)}
    rows: dict[LabelPairs, list[Value]] = {}
    for (has, time), value in answer.points.items():
        row = rows.setdefault(_key(rule, dict(has)), [None] * len(times))
        row[places[time]] = 1.0 if "alert" in rule else value
    return {key: marked(row) for key, row in rows.items()}


def _key(rule: Mapping[str, Any], has: dict[str, str]) -> LabelPairs:
    name = {"__name__": rule.get("record") or "ALERTS"}
    if "alert" in rule:
        name |= {"alertname": rule["alert"], "alertstate": "firing"}
    return pairs({**has, **(rule.get("labels") or {}), **name})


def pairs(has: Mapping[str, str]) -> LabelPairs:
    """Return labels in order, without empty ones."""
    return tuple(sorted((name, value) for name, value in has.items() if value))


def marked(row: Sequence[Value]) -> list[Value]:
    """Return a row with a marker where the series ends."""
    return [
        MARKER if now is None and isinstance(before, float) else now
        for before, now in zip([None, *row], row, strict=False)
    ]
