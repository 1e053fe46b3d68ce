"""Ninety minutes of samples with the names of PromLabs's demo service, as compliance asks for."""

import random
from collections.abc import Iterator
from itertools import product
from typing import Final

from sidelight.embedded.promql.storage import SampleBlock
from tests.embedded.promql.sample_blocks import MARKER, LabelPairs, Row, block, labels
from tests.embedded.promql.sample_data import START

STEP: Final = 5_000
COUNT: Final = 1_080
END: Final = START + (COUNT - 1) * STEP
INSTANCES: Final = tuple(f"demo.promlabs.com:{port}" for port in (10000, 10001, 10002))
BOUNDS: Final = ("0.0001", "0.0005", "0.002", "0.01", "0.05", "0.25", "+Inf")


def demo_block() -> SampleBlock:
    """Return the samples of three instances. Values have all their digits."""
    dice = random.Random(1)  # noqa: S311 the same samples in each run
    rows = {
        key: row
        for instance in INSTANCES
        for key, row in _instance(dice, job="demo", instance=instance)
    }
    return block([START + n * STEP for n in range(COUNT)], rows)


def _instance(dice: random.Random, **target: str) -> Iterator[tuple[LabelPairs, Row]]:
    for kind in ("used", "cached", "free", "buffers"):
        yield labels("demo_memory_usage_bytes", type=kind, **target), _gauge(dice, 1e9)
    for mode in ("idle", "user", "system"):
        yield labels("demo_cpu_usage_seconds_total", mode=mode, **target), _counter(dice, 1.0)
    yield labels("demo_num_cpus", **target), [4.0] * COUNT
    yield labels("demo_disk_usage_bytes", **target), _counter(dice, 1e7)
    yield labels("demo_batch_last_success_timestamp_seconds", **target), _batches(dice)
    yield labels("demo_intermittent_metric", **target), _intermittent()
    for method, path in product(("GET", "POST"), ("/api/foo", "/api/bar")):
        yield from _histogram(dice, method=method, path=path, status="200", **target)


def _gauge(dice: random.Random, most: float) -> Row:
    return [dice.random() * most for _ in range(COUNT)]


def _counter(dice: random.Random, most: float) -> Row:
    total, row = 0.0, list[float]()
    for n in range(COUNT):
        total = 0.0 if n and n % 433 == 0 else total + dice.random() * most
        row.append(total)
    return row


def _batches(dice: random.Random) -> Row:
    last, row = 0.0, list[float]()
    for n in range(COUNT):
        last = (START + n * STEP) / 1000 if n == 0 or dice.random() < 1 / 20 else last
        row.append(last)
    return row


def _intermittent() -> Row:
    """Return a series that is there for a minute, and then away for a minute."""
    minute = 60_000 // STEP
    run = [1.0] * minute + [MARKER] + [None] * (minute - 1)
    return [run[n % len(run)] for n in range(COUNT)]


def _histogram(dice: random.Random, **has: str) -> Iterator[tuple[LabelPairs, Row]]:
    counts = [[0.0] * COUNT for _ in BOUNDS]
    below = [0] * len(BOUNDS)
    for n in range(COUNT):
        for bucket in range(len(BOUNDS)):
            below[bucket] += dice.randrange(5)
            counts[bucket][n] = float(sum(below[: bucket + 1]))
    name = "demo_api_request_duration_seconds"
    for bound, row in zip(BOUNDS, counts, strict=True):
        yield labels(f"{name}_bucket", le=bound, **has), row
    yield labels(f"{name}_count", **has), counts[-1]
    yield labels(f"{name}_sum", **has), _counter(dice, 0.3)
