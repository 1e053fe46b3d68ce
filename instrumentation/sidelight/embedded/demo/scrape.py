"""What /metrics said, and how it grew. Pure functions: no clock, no network."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families

DURATION = "http_server_request_duration_seconds"
SLOW = "fastapi_slow_requests"
WORKERS = "sidelight_workers"
STARTED = "process_start_time_seconds"
WANTED = (DURATION, SLOW, WORKERS, STARTED)

Series = tuple[str, tuple[tuple[str, str], ...]]  # the sample's name, its labels sorted


@dataclass(frozen=True)
class Scrape:
    """One answer of /metrics: when it came (seconds since 1970) and its samples."""

    at: float
    samples: Mapping[Series, float]

    def of(self, name: str) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each sample called `name`."""
        return [(dict(pairs), value) for (own, pairs), value in self.samples.items() if own == name]


def parse(text: str, at: float) -> Scrape:
    """The samples of `text` that somebody here looks at."""
    # Parsing is the dear part: what nobody looks at is dropped before it.
    lines = [line for line in text.splitlines() if line.removeprefix("# TYPE ").startswith(WANTED)]
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families("\n".join(lines) + "\n")
        for sample in family.samples
    }
    return Scrape(at, samples)


def recent(scrapes: Sequence[Scrape], seconds: float) -> list[Scrape]:
    """The scrapes that are no older than `seconds` before the newest."""
    return [scrape for scrape in scrapes if scrape.at >= scrapes[-1].at - seconds]


def increases(scrapes: Sequence[Scrape]) -> dict[Series, float]:
    """How much each counter grew. One that fell was reset, and counts from zero again.

    So does a series that appears. `increase()` of Prometheus loses that first value; but whoever
    watches a table wants to see the first error.
    """
    grown: defaultdict[Series, float] = defaultdict(float)
    for before, after in pairwise(scrapes):
        for series, value in after.samples.items():
            old = before.samples.get(series, 0.0)
            grown[series] += value - old if value >= old else value
    return dict(grown)
