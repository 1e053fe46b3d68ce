"""The tables of ``docs/scale.md``: ``python -m tests.deploy.arithmetic`` prints them."""

import argparse
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.instance_series import REST, UNUSED, USED, WORKER

ROOT = Path(__file__).parents[2]
RESULTS = (ROOT / "benchmarks" / "RESULTS.md").read_text()
INSTANCES = (10, 200, 5_000)

KIB, GIB, KB = 2**10, 2**30, 1e3
DAY = 86_400
DAYS = 15
FAST, SLOW = 15, 30  # seconds between scrapes
SAMPLE = (1.3, 2.0)  # bytes on disk
HEAD = (3 * KIB, 4 * KIB)  # bytes of a live series
TARGET = 256 * KIB  # bytes of an instance that is scraped
RECORDED_USED, RECORDED_OTHER, RECORDED_OBJECTIVE, RECORDED_REST = 29, 7, 28, 19
MOST = 2_000_000  # series of one Prometheus
MEMORY, DISK, HOSTED = 4.0, 0.10, 5.0  # a GiB, a GiB, 1,000 series; a month


def measured(pattern: str) -> float:
    """A figure of the benchmarks' results."""
    found = re.search(pattern, RESULTS)
    assert found, pattern
    return float(found[1].replace(",", ""))


_SERIES = measured(r"The response has ([\d,]+) series")
# Whole bytes of a series, because the size of the response differs by a few bytes in each run.
TEXT = round(measured(r"Sidelight, text \| .* \| ([\d,]+) \|") / _SERIES)
ZIPPED = round(measured(r"Sidelight, text, gzip \| .* \| ([\d,]+) \|") / _SERIES)


@dataclass(frozen=True, slots=True)
class Service:
    """One instance: its routes and its workers."""

    used: int = 20
    other: int = 10
    workers: int = 4
    objectives: int = 1

    @property
    def recorded(self) -> int:
        """The series that the rules record for all instances."""
        routes = RECORDED_USED * self.used + RECORDED_OTHER * self.other
        return routes + RECORDED_OBJECTIVE * self.objectives + RECORDED_REST

    @property
    def series(self) -> int:
        """The series of one instance."""
        return USED * self.used + UNUSED * self.other + WORKER * self.workers + REST


def rate(series: int, every: int) -> float:
    """Samples a second."""
    return series / every


def disk(series: int, every: int, sample: float) -> float:
    """GiB for `DAYS` days."""
    return rate(series, every) * DAY * DAYS * sample / GIB


def memory(series: int, instances: int, size: int) -> float:
    """Bytes of a Prometheus, whose series have so many each."""
    return series * size + instances * TARGET


def self_hosted(series: int, instances: int) -> float:
    """The monthly cost of a self-hosted Prometheus, with room for a rollout."""
    needed = 2 * memory(series, instances, HEAD[1]) / GIB
    return needed * MEMORY + disk(series, FAST, SAMPLE[1]) * DISK


def span(low: float, high: float) -> str:
    return f"{amount(low)} to {amount(high)}"


def amount(value: float) -> str:
    """Two digits that say something, and no more."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def tables(service: Service) -> list[list[str]]:
    """The rows of each table, in the order of the page."""
    rows: list[list[str]] = [[], [], [], []]
    for number in INSTANCES:
        series = number * service.series
        for row, cells in zip(
            rows,
            (
                (
                    f"{series:,}",
                    f"{rate(series, FAST):,.0f}",
                    f"{rate(series, SLOW):,.0f}",
                    span(*(memory(series, number, size) / GIB for size in HEAD)),
                    span(*(disk(series, FAST, size) for size in SAMPLE)),
                    span(*(disk(series, SLOW, size) for size in SAMPLE)),
                ),
                (
                    amount(rate(series, FAST) * TEXT / KB),
                    amount(rate(series, FAST) * ZIPPED / KB),
                ),
                (
                    f"{self_hosted(series, number):,.2f}",
                    f"{series / 1000 * HOSTED:,.2f}",
                    f"{service.recorded / 1000 * HOSTED:,.2f}",
                ),
                (f"{series:,}", f"{math.ceil(series / MOST)}"),
            ),
            strict=True,
        ):
            row.append(f"| {number:,} | {' | '.join(cells)} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("used", 20), ("other", 10), ("workers", 4), ("objectives", 1)):
        parser.add_argument(f"--{name}", type=int, default=value)
    service = Service(**vars(parser.parse_args()))
    sys.stdout.write(f"{service.series:,} series an instance\n\n")
    sys.stdout.write("\n\n".join("\n".join(rows) for rows in tables(service)) + "\n")


if __name__ == "__main__":
    main()
