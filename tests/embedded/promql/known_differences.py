"""Known differences between Prometheus 2.42 and 3.5, of which 3.5 is right.

Two more differences depend on samples and times, and the test data avoid them:

- In 2.42 a window includes a sample at its start, in 3 it does not. Samples are
  137 ms after whole seconds, evaluations 457 ms, windows, offsets and steps are whole seconds.
- For a counter that begins well inside a window, 2.42 extrapolates towards 0 differently if it
  would have been 0 about one interval earlier. `raised` counters are far from 0.
"""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from sidelight.embedded.promql.storage import ABSENT_BITS, STALE_BITS, SampleBlock

DIFFERENCES: Final = {
    "atan2 keeps the metric's name": (r"\batan2\b", "capacity atan2 capacity"),
    "predict_linear with @ looks from the first step's time": (
        r"predict_linear.*@",
        "predict_linear(members[5m] @ 1700000900.5, 60)",
    ),
    "a subquery fixed at one of its own steps has one more": (
        r"\[\w+:\w*\].* @ 1700000940\b",
        "count_over_time(up[5m:1m] @ 1700000940)",
    ),
    "stddev of NaN alone is 0, of what overflows NaN": (
        r"\bstd(dev|var)",
        'stddev(temperature{zone="nowhere"})',
    ),
    "rate of a rate, that may be near 0": (r"\b(rate|increase)\(\(", None),
    "a duration must have a unit, a number must not": (r"\[\d+\]|offset \d+( |$)", "up[5]"),
    "label names may not be quoted": (r'\{"', '{"up"}'),
}
"""By reason: a pattern of queries, and an example that differs (None: not in every run)."""
PROMETHEUS_FAULT: Final = re.compile(r"timestamp\(.* @ .* offset |timestamp\(.* offset .* @ ")
"""Even in 3.5, timestamp() of a selector with @ and offset ignores the offset."""
LABEL_WITH_COLON: Final = re.compile(r"(by|without|on|ignoring|left|right) ?\([^()]*:")
"""Prometheus 3 accepts a label name with a colon; the engine refuses it, as no series has one."""
COUNTER: Final = re.compile(r".*_(total|count|sum|bucket)")


def differs(query: str) -> bool:
    """Whether the answer of 2.42 may differ from that of 3.5."""
    return any(re.search(pattern, query) for pattern, _ in DIFFERENCES.values())


def with_raised_counters(blocks: Sequence[SampleBlock], by: float) -> list[SampleBlock]:
    """Return the same samples, with all counters higher by a number."""
    return [_raised(one, by) for one in blocks]


def _raised(block: SampleBlock, by: float) -> SampleBlock:
    bits = block.values.view(np.int64)
    counters = np.array([COUNTER.fullmatch(one["__name__"]) is not None for one in block.labels])
    marks = (bits == ABSENT_BITS) | (bits == STALE_BITS)
    values = block.values.copy()
    np.add(values, by, out=values, where=counters[:, None] & ~marks)
    return SampleBlock(block.labels, block.times, values)
