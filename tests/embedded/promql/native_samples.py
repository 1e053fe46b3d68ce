"""A quarter of an hour of native histograms, with all that may differ between two of them."""

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from sidelight.embedded.promql.float_histogram import (
    CUSTOM_BOUNDS,
    Buckets,
    FloatHistogram,
    listed_buckets,
)
from sidelight.embedded.promql.storage import SampleBlock
from tests.embedded.promql.sample_blocks import MARKER, Cell, LabelPairs, block, labels
from tests.embedded.promql.sample_data import START, STEP

COUNT: Final = 60
BOUNDS: Final = (0.25, 1.0, 2.5, 10.0)
Draw = Callable[[random.Random], float]


def native_blocks() -> list[SampleBlock]:
    """Return all samples, at whole seconds."""
    times = [START + n * STEP for n in range(COUNT)]
    return [block(times, {**_latencies(), **_schemas(), **_customs(), **_odd(), **_numbers()})]


def _slow(dice: random.Random) -> float:
    return dice.lognormvariate(-3, 1.5)


def _signed(dice: random.Random) -> float:
    return dice.gauss(0.5, 2)


def _latencies() -> dict[LabelPairs, Sequence[Cell]]:
    """Return counters with resets, gaps and ends; both classic and native ones."""
    made: dict[LabelPairs, Sequence[Cell]] = {}
    for job, instance in (("a", "1"), ("a", "2"), ("b", "1")):
        row: list[Cell] = list(_counter(f"{job}{instance}", _slow, 3, 2**-13, resets=(17, 18, 41)))
        if instance == "2":
            row[30:36] = [MARKER, *[None] * 5]
        made[labels("latency", job=job, instance=instance)] = row
    both = list(_counter("both", _slow, CUSTOM_BOUNDS, 0.0))
    made[labels("both", job="a")] = both
    for position, bound in enumerate((*BOUNDS, math.inf)):
        le = "+Inf" if bound == math.inf else str(bound)
        part = [sum(one.positive.counts[: position + 1].tolist()) for one in both]
        made[labels("both_bucket", job="a", le=le)] = part
        made[labels("classic_bucket", job="a", le=le)] = part
    return made


def _schemas() -> dict[LabelPairs, Sequence[Cell]]:
    """Return counters whose schemas and zero buckets differ, between series and in time."""
    made: dict[LabelPairs, Sequence[Cell]] = {}
    for schema, least in ((8, 0.001), (5, 0.0), (3, 0.75), (0, 0.001), (-1, 0.3), (-4, 0.001)):
        row = list(_counter(f"schema {schema}", _signed, schema, least, resets=(25,)))
        made[labels("signed", schema=f"{schema}")] = row
    parts = [(2, 0.001), (0, 0.001), (3, 0.001), (3, 0.4), (3, 0.1)]
    rows = [list(_counter("changing", _signed, schema, least)) for schema, least in parts]
    made[labels("changing")] = [rows[at * len(parts) // COUNT][at] for at in range(COUNT)]
    made[labels("zeros")] = list(_counter("zeros", lambda _: 0.0, 3, 0.01))
    made[labels("below")] = list(_counter("below", lambda dice: -_slow(dice), 3, 0.01))
    return made


def _customs() -> dict[LabelPairs, Sequence[Cell]]:
    """Return counters with custom bounds; those of one series differ from the others'."""
    others = (-1.0, 0.5, 2.0)
    return {
        labels("custom", job="a", instance="1"): list(_counter("c1", _slow, CUSTOM_BOUNDS, 0.0)),
        labels("custom", job="a", instance="2"): list(
            _counter("c2", _slow, CUSTOM_BOUNDS, 0.0, resets=(33,))
        ),
        labels("custom", job="b", instance="1"): list(
            _counter("c3", _signed, CUSTOM_BOUNDS, 0.0, bounds=others)
        ),
    }


def _odd() -> dict[LabelPairs, Sequence[Cell]]:
    """Return gauges, series that change their kind, and observations of NaN and infinities."""
    spread = [
        replace(one, hint="gauge") for one in _counter("gauge", _signed, 2, 0.001, resets=range(60))
    ]
    exponential = list(_counter("turned", _slow, 3, 0.001))
    custom = list(_counter("turned", _slow, CUSTOM_BOUNDS, 0.0))
    other = list(_counter("turned", _slow, CUSTOM_BOUNDS, 0.0, bounds=(1.0, 2.0)))
    unknown = [replace(one, count=one.count + 3, sum=math.nan) for one in exponential]
    return {
        labels("spread"): spread,
        labels("turned", to="number"): [*exponential[:30], *map(float, range(30))],
        labels("turned", to="histogram"): [*map(float, range(30)), *exponential[30:]],
        labels("turned", to="custom"): [*exponential[:30], *custom[30:]],
        labels("turned", to="bounds"): [*custom[:30], *other[30:]],
        labels("turned", to="and_fro"): [
            float(at) if at % 4 == 3 else one for at, one in enumerate(exponential)
        ],
        labels("unknown"): unknown,
        labels("endless"): list(_counter("endless", _infinite, 1, 0.001)),
        labels("empty"): [FloatHistogram(3, 0.0, 0.0, 2**-13)] * COUNT,
    }


def _infinite(dice: random.Random) -> float:
    return dice.choice([-math.inf, math.inf, 1.7e308, dice.random()])


def _numbers() -> dict[LabelPairs, Sequence[Cell]]:
    made: dict[LabelPairs, Sequence[Cell]] = {}
    for job, instance in (("a", "1"), ("a", "2"), ("b", "1")):
        made[labels("weight", job=job, instance=instance)] = [1.5 + at % 3 for at in range(COUNT)]
    return made


def _counter(  # noqa: PLR0913 # what makes one counter differ from another
    seed: str,
    draw: Draw,
    schema: int,
    least: float,
    *,
    resets: Sequence[int] = (),
    bounds: tuple[float, ...] = BOUNDS,
) -> Iterator[FloatHistogram]:
    """Yield a histogram that observes some values before each sample."""
    dice = random.Random(seed)  # noqa: S311 the same samples in each run
    seen: list[float] = []
    for at in range(COUNT):
        if at in resets:
            seen.clear()
        seen += [draw(dice) for _ in range(dice.randrange(12))]
        yield observed(seen, schema, least, bounds)


def observed(
    values: Sequence[float], schema: int, least: float, bounds: tuple[float, ...] = BOUNDS
) -> FloatHistogram:
    """Return the histogram of some values."""
    if schema == CUSTOM_BOUNDS:
        ends = pairwise((-math.inf, *bounds, math.inf))
        counts = [float(sum(low < value <= high for value in values)) for low, high in ends]
        positive, total = listed_buckets(enumerate(counts)), math.fsum(values)
        return FloatHistogram(schema, sum(counts), total, positive=positive, bounds=bounds)
    inside = [value for value in values if abs(value) <= least]
    above = [value for value in values if value > least]
    under = [-value for value in values if value < -least]
    return FloatHistogram(
        schema,
        float(len(values)),
        float(sum(values)),
        least,
        float(len(inside)),
        _indexed(above, schema),
        _indexed(under, schema),
    )


def _indexed(values: Sequence[float], schema: int) -> Buckets:
    counted = Counter(_index(value, schema) for value in values)
    return listed_buckets((index, float(count)) for index, count in sorted(counted.items()))


def _index(value: float, schema: int) -> int:
    """Return the bucket of a value, from the definition of the schema."""
    exponent = 1024 if value == math.inf else math.log2(value)
    return math.ceil(exponent * 2.0**schema) + (value == math.inf)
