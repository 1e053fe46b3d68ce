"""Half an hour of samples, with gaps, resets, staleness markers and broken histograms.

Values are multiples of 1/8, so that sums are exact in any order of additions; only those of
``digits`` and ``digits_total`` have all their digits.
"""

import math
import random
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from sidelight.embedded.promql.storage import SampleBlock
from tests.embedded.promql.sample_blocks import MARKER, LabelPairs, Row, block, labels

START: Final = 1_700_000_040_000
"""The time of the first sample, a whole minute. An empty Prometheus accepts old samples."""
STEP: Final = 15_000
COUNT: Final = 121
END: Final = START + (COUNT - 1) * STEP
Rows = dict[LabelPairs, Row]


def sample_blocks(phase: int) -> list[SampleBlock]:
    """Return all samples, ``phase`` milliseconds after whole seconds."""
    first, second = (_grid(phase), _grid(phase + 5_000))
    return [
        block(first, {**_requests("1"), **_latency("1"), **_targets("1"), **_alone()}),
        block(second, {**_requests("2"), **_latency("2"), **_targets("2")}),
        block(first, {**_temperatures(), **_buckets(), **_groups()}),
        block(first, _digits()),
        block([START + phase + n * 1000 for n in range(600, 900)], _fast()),
        block(_irregular(phase), {labels("sparse", instance="1"): _walk(7, 40)}),
    ]


def _grid(start: int) -> list[int]:
    return [START + start + n * STEP for n in range(COUNT)]


def _dice(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311 the same samples in each run


def _irregular(phase: int) -> list[int]:
    made, at, times = _dice("irregular"), START, []
    for _ in range(40):
        at += made.choice([1, 4, 20, 31, 59, 60, 122]) * 1000
        times.append(at + phase)
    return times


def _counter(seed: str, resets: Sequence[int] = (), most: int = 80) -> list[float | str | None]:
    """Return a counter that sometimes pauses, with resets."""
    made, total, row = _dice(seed), 0.0, []
    for n in range(COUNT):
        step = made.choice([0, made.randrange(most)]) / 8
        total = step if n in resets else total + step
        row.append(total)
    return list(row)


def _walk(seed: int, count: int = COUNT) -> list[float | str | None]:
    """Return a gauge above and below 0."""
    made, value, row = _dice(seed), 0.0, []
    for _ in range(count):
        value += made.randrange(-99, 100) / 8
        row.append(value)
    return list(row)


def _requests(instance: str) -> Rows:
    """Return counters: with resets, a late start, an end and a return, a gap without a marker."""
    made: Rows = {}
    for job, route, code in product("ab", ("/", "/x"), ("200", "404", "500")):
        if (job, route, code) != ("b", "/x", "500"):
            resets = (20, 90) if job == "a" else (64,)
            has = {"job": job, "instance": instance, "route": route, "code": code}
            row = _counter(f"{has}", resets)
            made[labels("requests_total", **has)] = _holes(row, job, instance)
            if code == "500":
                made[labels("errors_total", **has)] = _holes(_counter(f"e{has}"), job, instance)
    made[labels("requests_total", job="a", instance=instance, code="200")] = _counter("no route")
    return made


def _holes(row: list[float | str | None], job: str, instance: str) -> Row:
    if (job, instance) == ("a", "2"):  # ends with a marker, and returns
        row[50:76] = [MARKER, *[None] * 25]
    if (job, instance) == ("b", "1"):  # a gap longer than the lookback delta, without a marker
        row[30:56] = [None] * 26
        row[80] = row[83] = row[84] = None
    if (job, instance) == ("b", "2"):  # starts late and ends early
        row[:60] = [None] * 60
        row[110:] = [MARKER, *[None] * (COUNT - 111)]
    return row


def _latency(instance: str) -> Rows:
    """Return correct histograms."""
    made: Rows = {}
    for job in "ab":
        bounds = ("0.1", "0.25", "1", "+Inf")
        counts = [_counter(f"{job}{instance}{le}", (64,)) for le in bounds]
        for n, le in enumerate(bounds):
            below = [sum(float(row[t] or 0) for row in counts[: n + 1]) for t in range(COUNT)]
            made[labels("latency_seconds_bucket", job=job, instance=instance, le=le)] = below
        made[labels("latency_seconds_count", job=job, instance=instance)] = below
        made[labels("latency_seconds_sum", job=job, instance=instance)] = [v / 4 for v in below]
    return made


def _targets(instance: str) -> Rows:
    """Return series about each target, with few distinct values."""
    made: Rows = {}
    for job in "ab":
        has = {"job": job, "instance": instance}
        made[labels("up", **has)] = [float((n // 7 + ord(job)) % 3 > 0) for n in range(COUNT)]
        version = "1.0" if instance == "1" else "1.1"
        made[labels("build_info", **has, version=version)] = [1.0] * COUNT
        made[labels("capacity", **has)] = [50.0 + int(instance)] * COUNT
    return made


def _temperatures() -> Rows:
    """Return gauges with NaN and infinities, one of them without the label."""
    made: Rows = {}
    for n, zone in enumerate(("north", "south", "east")):
        made[labels("temperature", zone=zone, instance=str(n % 2 + 1))] = _walk(n)
    odd = _walk(11)
    odd[10:14] = [math.nan, math.inf, -math.inf, math.nan]
    odd[100:104] = [math.inf, 1.0, math.nan, MARKER]
    made[labels("temperature", zone="west", instance="1")] = odd
    made[labels("temperature", instance="2")] = _walk(12)
    made[labels("temperature", zone="nowhere", instance="2")] = [math.nan] * COUNT
    return made


def _alone() -> Rows:
    """Return very large, very small, constant and rare samples, and labels that need escapes."""
    once: list[float | str | None] = [None] * COUNT
    twice = list(once)
    once[60] = 3.0
    twice[60] = twice[64] = 5.0
    return {
        labels("huge", kind="big"): [1e300 * (n % 3 + 1) for n in range(COUNT)],
        labels("huge", kind="small"): [2.0**-900 * (n + 1) for n in range(COUNT)],
        labels("steady"): [42.0] * COUNT,
        labels("once"): once,
        labels("twice"): twice,
        labels("zero_total"): [0.0] * COUNT,
        labels("jumpy_total"): _far_apart(_counter("jumpy", (40, 44, 70, 100))),
        labels("jumpy"): _far_apart(_walk(22)),
        labels("odd:name", path='a"b\\c', word="ä\nö"): _walk(21),
    }


def _far_apart(row: list[float | str | None]) -> Row:
    """Make values far larger for a while: a running sum then loses the small ones."""
    row[20:30] = [2.0**50 + n for n in range(10)]
    return row


def _buckets() -> Rows:
    """Return incorrect histograms, by kind."""
    shapes = {
        "falling": {"1": 50.0, "2": 40.0, "5": 60.0, "+Inf": 55.0},
        "open": {"1": 3.0, "2": 5.0},
        "only": {"+Inf": 5.0},
        "zero": {"1": 0.0, "2": 0.0, "+Inf": 0.0},
        "nan": {"1": 1.0, "2": math.nan, "+Inf": 3.0},
        "below": {"-2": 2.0, "-1": 8.0, "0": 9.0, "+Inf": 9.0},
        "twice": {"1": 2.0, "1.0": 3.0, "2": 9.0, "+Inf": 9.0},
        "word": {"1": 1.0, "many": 2.0, "+Inf": 3.0},
        "none": {"": 4.0, "1": 1.0, "+Inf": 3.0},
        "all_below": {"1": 9.0, "2": 9.0, "+Inf": 9.0},
        "all_above": {"1": 0.0, "2": 0.0, "+Inf": 9.0},
    }
    return {
        labels("shape_bucket", shape=shape, **({"le": le} if le else {})): _slope(count)
        for shape, counts in shapes.items()
        for le, count in counts.items()
    }


def _slope(rise: float) -> Row:
    return [rise * n for n in range(COUNT)]


def _groups() -> Rows:
    """Return several members and one owner for each group; one group gets a second owner."""
    made: Rows = {}
    for n, (group, member) in enumerate(product("xyz", "123")):
        made[labels("members", group=group, member=member)] = _walk(30 + n)
    for n, group in enumerate("xy"):
        made[labels("owners", group=group, owner=f"o{n}")] = _walk(50 + n)
    second: list[float | str | None] = [None] * COUNT
    second[80:] = [7.0] * (COUNT - 80)
    made[labels("owners", group="y", owner="o9")] = second
    return made


def _digits() -> Rows:
    """Return gauges and counters of which each sum and each quotient is rounded."""
    made: Rows = {}
    dice = _dice("digits")
    for job, instance in product("ab", "123456"):
        has = {"job": job, "instance": instance}
        made[labels("digits", **has)] = [dice.random() * 10 ** int(instance) for _ in range(COUNT)]
        total, row = 0.0, list[float | str | None]()
        for n in range(COUNT):
            total = total + dice.random() * 10 if n % 50 else 0.0
            row.append(total)
        made[labels("digits_total", **has)] = row
    made[labels("digits", job="c", instance="1")] = [13.3] * COUNT
    return made


def _fast() -> Rows:
    return {labels("fast_total", instance=i): _longer(i) for i in "12"}


def _longer(seed: str) -> Row:
    return [float(n * n % (97 * int(seed))) for n in range(300)]


def names(blocks: Sequence[SampleBlock]) -> Iterator[str]:
    """Yield the names of all series."""
    yield from sorted({one["__name__"] for part in blocks for one in part.labels})
