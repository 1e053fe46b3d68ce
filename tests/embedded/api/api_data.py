"""Samples and rules that a Prometheus and the API of a test both have."""

from pathlib import Path
from typing import Any

import yaml
from starlette.applications import Starlette

from sidelight.embedded.api.routes import AppState, routes
from sidelight.embedded.history.exposition import Exemplars, MetricMetadata
from sidelight.embedded.history.history import History
from sidelight.embedded.promql.storage import SampleBlock
from sidelight.embedded.rules.definition import parse_groups
from sidelight.embedded.rules.evaluator import RuleGroup
from tests.embedded.history.filled_history import MIB
from tests.embedded.promql.sample_blocks import LabelPairs, Row, block, labels

START = 1_700_000_040_000
"""The time of the first sample in milliseconds: 22:14:00 on 14 November 2023."""
STEP = 15_000
COUNT = 21

SHAPES = {
    "right": {"1": 2.0, "2": 3.0, "+Inf": 5.0},
    "falling": {"1": 50.0, "2": 40.0, "5": 60.0, "+Inf": 55.0},
    "nearly": {"1": 50.0, "2": 50.0 - 1e-13, "+Inf": 55.0},
    "only": {"+Inf": 5.0},
    "zero": {"1": 0.0, "2": 0.0, "+Inf": 0.0},
    "word": {"1": 1.0, "many": 2.0, "": 2.5, "+Inf": 3.0},
}
"""Buckets and how many observations they get every 15 seconds."""
SERIES: dict[LabelPairs, Row] = {
    labels("up", instance="1", job="a"): [1.0] * COUNT,
    labels("up", instance="1", job="b"): [float(n % 2) for n in range(COUNT)],
    labels("up", instance="2", job="a"): [0.0] * COUNT,
    labels("requests_total", code="200", job="a"): [2.5 * n for n in range(COUNT)],
    labels("requests_total", code="500", job="a"): [1e22 * n for n in range(COUNT)],
    labels("typed", __type__="counter", __unit__="seconds", job="a"): [4.0] * COUNT,
    labels("other", __type__="gauge", job="a"): [5.0] * COUNT,
    (("__name__", "http.requests"), ("http.status", "200"), ("ä b", "é"), ("😀", "x")): [6.0]
    * COUNT,
    **{
        labels("shape_bucket", shape=shape, **({"le": le} if le else {})): [
            count * n for n in range(COUNT)
        ]
        for shape, counts in SHAPES.items()
        for le, count in counts.items()
    },
    labels("odd", word='a"b\\c\n\x01<&>\u2028'): [-0.5] * COUNT,
}
ALWAYS = {"expr": "vector(1)", "labels": {"severity": "page"}}
GROUPS: dict[str, Any] = {
    "groups": [
        {"name": name, "interval": "300d", "rules": rules}
        for name, rules in {
            "second": [{"alert": "High", **ALWAYS}, {"record": "job:up:sum", "expr": "sum(up)"}],
            "first": [
                {"alert": "Low", "expr": "up == 0", "for": "1h", "annotations": {"a": "b"}},
                {"record": "a:b", "expr": "up", "labels": {"severity": "page", "who": "x"}},
            ],
            "third": [{"record": "c:d", "expr": "up offset 5m"}],
        }.items()
    ]
}
"""Rules that neither evaluates during a test: the first evaluation is within the interval."""


def blocks() -> list[SampleBlock]:
    """Return the samples."""
    times = [START + n * STEP for n in range(COUNT)]
    return [block(times, SERIES), block(times[:2], {labels("gone", job="a"): [3.0, 3.0]})]


def write_rules(path: Path) -> None:
    """Write the rules to a file."""
    path.write_text(yaml.safe_dump(GROUPS, sort_keys=False))


def app(rules: Path) -> Starlette:
    """Return the API over the samples and rules."""
    groups = parse_groups(str(rules), GROUPS)
    found = [RuleGroup(number, group) for number, group in enumerate(groups)]
    return Starlette(routes=routes(AppState(_history(), MetricMetadata(), Exemplars(), found)))


def _history() -> History:
    """Return a history with a stream for each block: a series does not end with its stream."""
    history = History(3_600_000, 64 * MIB)
    for part in blocks():
        stream = history.stream(id(part))
        for number, has in enumerate(part.labels):
            key = str(number).encode()
            assert history.identify(stream, key, lambda has=has: has) == number  # type: ignore[misc] # mypy infers no lambda with a default
        for time, values in zip(part.times.tolist(), part.values.T, strict=True):
            history.add(stream, time, dict(enumerate(values.tolist())))
    return history
