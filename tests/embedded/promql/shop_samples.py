"""Samples of the example shop: pages of a server under load, at fixed times."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from sidelight.embedded.promql.storage import SampleBlock
from tests.dashboards.shoppers import in_turn, send
from tests.dashboards.stack import SHOP, served
from tests.embedded.promql.oracle_server import OracleServer
from tests.embedded.promql.rule_samples import marked, pairs, recorded
from tests.embedded.promql.sample_blocks import LabelPairs, Row, block
from tests.embedded.promql.sample_data import START, STEP
from tests.embedded.promql.shipped_queries import RULES, rules_of
from tests.live.counting import Samples, scrape
from tests.live.servers import Server, eventually

COUNT: Final = 41
REQUESTS: Final = 5
"""Requests from one step to the next."""
LATE: Final = 12
"""The first step of the second instance."""
LOST: Final = range(30, 33)
"""The steps at which the first instance can't be scraped."""
RECORDED: Final = range(2, COUNT, 2)
END: Final = START + (COUNT - 1) * STEP
PageSamples = dict[LabelPairs, float]


def pages(where: Path) -> list[Samples]:
    """Return the page of the shop at each step, with some more requests each."""
    with _shop(where) as server:
        return list(_steps(server))


def _steps(server: Server) -> Iterator[Samples]:
    requests = (one for one in in_turn() if not one[1].endswith("/events"))  # 2 seconds each
    for _ in range(COUNT):
        yield scrape(server)
        for request in islice(requests, REQUESTS):
            send(server, request)


@contextmanager
def _shop(where: Path) -> Iterator[Server]:
    with served("app:app", where, {"SIDELIGHT_PHASE_SAMPLE_INTERVAL": "1"}, folder=SHOP) as server:
        eventually(lambda: _up(server))
        yield server


def _up(server: Server) -> bool:
    try:
        return server.get("/metrics")[0] == 200
    except OSError:
        return False


def blocks(seen: Sequence[Samples], phase: int) -> list[SampleBlock]:
    """Return the samples as scrapes of two jobs store them, ``phase`` ms after whole seconds.

    Later instances have the pages of the first, some steps later.
    """
    lost = [None if n in LOST else page for n, page in enumerate(seen)]
    late = [None] * LATE + [*seen[: COUNT - LATE]]
    later = [None] * 2 * LATE + [*seen[: COUNT - 2 * LATE]]
    return [
        _target(lost, phase, job="shop", instance="10.0.0.1:8000"),
        _target(late, phase + 4000, job="shop", instance="10.0.0.2:8000"),
        _target(later, phase + 8000, job="other", instance="10.0.0.3:8000"),
    ]


def _target(seen: Sequence[Samples | None], phase: int, **target: str) -> SampleBlock:
    stored = [_stored(page, target) for page in seen]
    times = [START + phase + n * STEP for n in range(len(seen))]
    return block(times, _rows(stored))


def _rows(steps: Sequence[PageSamples]) -> dict[LabelPairs, Row]:
    """Return a row for each series, with a marker where the series ends."""
    keys = list(dict.fromkeys(key for step in steps for key in step))
    return {key: marked([step.get(key) for step in steps]) for key in keys}


def _stored(page: Samples | None, target: dict[str, str]) -> PageSamples:
    """Return a page with the target's labels, and the samples about the scrape."""
    found = {
        pairs({"__name__": name, **dict(has), **target}): float(value)
        for (name, has), value in (page or {}).items()
    }
    about = {"up": float(page is not None), "scrape_duration_seconds": 0.0125}
    about["scrape_samples_scraped"] = float(len(found))
    return {**found, **{pairs({"__name__": n, **target}): value for n, value in about.items()}}


def rule_samples(server: OracleServer, phase: int) -> Iterator[SampleBlock]:
    """Yield what the shop's rules record; each must be stored before the next is evaluated."""
    times = [START + phase + n * STEP + 9000 for n in RECORDED]
    return recorded(server, rules_of(RULES[1]), times)
