"""Native histograms as short texts, in the notation of promtool's unit tests.

``{{schema:3 sum:9.5 count:4 z_bucket:1 z_bucket_w:0.001 buckets:[1 0 2] offset:2}}``: the buckets
from the index 2 on. ``n_buckets`` and ``n_offset`` are those below zero, and ``custom_values``
are custom bounds.
https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
"""

import re
from collections.abc import Iterator
from typing import Final, get_args

from sidelight.embedded.promql.float_histogram import (
    CUSTOM_BOUNDS,
    FloatHistogram,
    ResetHint,
    spanned_buckets,
)
from sidelight.embedded.promql.histogram_arithmetic import add, subtract

_HISTOGRAM: Final = r"\{\{[^}]*\}\}"
HISTOGRAM_RUN: Final = re.compile(rf"({_HISTOGRAM})(?:([+-])({_HISTOGRAM}))?(?:x([0-9]+))?")
_FIELD: Final = re.compile(r"(\w+):(\[[^\]]*\]|\S+)")


def histogram(text: str) -> FloatHistogram:
    """Return the histogram of a text, with or without the braces around it."""
    fields = dict(_FIELD.findall(text.replace("}}", " }}")))
    hint = fields.get("counter_reset_hint", "unknown")
    assert hint in get_args(ResetHint), hint
    bounds = tuple(_numbers(fields.get("custom_values", "")))
    schema = CUSTOM_BOUNDS if bounds else int(fields.get("schema", "0"))
    positive, negative = _numbers(fields.get("buckets", "")), _numbers(fields.get("n_buckets", ""))
    return FloatHistogram(
        schema,
        float(fields.get("count", "0")),
        float(fields.get("sum", "0")),
        float(fields.get("z_bucket_w", "0")),
        float(fields.get("z_bucket", "0")),
        spanned_buckets([(int(fields.get("offset", "0")), len(positive))], positive),
        spanned_buckets([(int(fields.get("n_offset", "0")), len(negative))], negative),
        bounds,
        hint,
    )


def histogram_run(first: str, sign: str, step: str, times: str) -> Iterator[FloatHistogram]:
    """Yield the histograms of ``{{…}}+{{…}}x3``: the first one, and three that are each larger."""
    value = histogram(first)
    yield value
    for _ in range(int(times or 0)):
        if sign:
            value = (add if sign == "+" else subtract)(value, histogram(step))
        yield value


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.strip("[]").split()]
