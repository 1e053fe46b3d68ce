"""Stores that are fed in another way have the values of a Prometheus that scrapes alone.

All scrape one page whose counters grow evenly, and evaluate the rules in a fifteenth of the time.
"""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import yaml

from sidelight.embedded.promql.storage import SampleBlock
from tests.dashboards.comparing import LONG, answer, check_same
from tests.dashboards.querying import all_queries, classic_queries
from tests.dashboards.reading import PanelQuery, sent
from tests.dashboards.stack import rule_files
from tests.dashboards.steady import growing, page_of_the_shop
from tests.embedded.promql import remote_write
from tests.live.prometheus import prometheus, query
from tests.live.replicas import Receiver, replicas
from tests.live.servers import eventually
from tests.live.victoria_metrics import victoria_metrics, vmalert
from tests.marks import slow_live

pytestmark = slow_live(600, "fed")

SCALE = Fraction(1, 15)
WINDOWS = {"__rate_interval": "20s", "__interval": "4s", "__range": "30s"}
FULL = 45
"""Seconds until every window is full, those of 5 minutes and of a dashboard's range too."""
WITHIN = 0.1
"""Of a value: scrapes are late on a loaded machine. Sums of both would be twice as much."""
OWN = re.compile(r"\b(scrape_\w+|ALERTS\w*)\b")
"""How long a scrape took, and alerts, which fire in an evaluation each of the stores' own."""
RECORDED = '{__name__=~".+:.+",job="shop"}'


class Stores(NamedTuple):
    """The Prometheus that scrapes alone, the one that receives, and VictoriaMetrics."""

    alone: int
    receiver: Receiver
    victoria_metrics: int

    @property
    def fed(self) -> tuple[int, int]:
        """The ports of those that are compared."""
        return self.receiver.port, self.victoria_metrics


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """All of them, with full windows."""
    where = tmp_path_factory.mktemp("fed")
    page, files = page_of_the_shop(where), rule_files(where, SCALE, native=False)
    rules = {"rule_files": list(map(str, files))}
    with ExitStack() as parts:
        target = parts.enter_context(growing(page))
        scrape = {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
            "scrape_configs": [
                {"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
            ],
        }
        (where / "scrape.yml").write_text(yaml.safe_dump(scrape))
        alone = parts.enter_context(prometheus(yaml.safe_dump({**scrape, **rules}), where))
        receiver = parts.enter_context(replicas(where, scrape, rules))
        flag = f"-promscrape.config={where / 'scrape.yml'}"
        scraping = parts.enter_context(victoria_metrics(where, flag))
        parts.enter_context(vmalert(where, scraping, files))
        found = Stores(alone, receiver, scraping)
        eventually(lambda: all(map(full, (alone, *found.fed))), 240)
        yield found


def full(port: int) -> bool:
    """Whether every window is full, and the last rules have recorded all four objectives."""
    return len(query(port, f"slo:error_budget_left:ratio and on () up offset {FULL}s")) == 4


def check_all(alone: int, fed: int, asked: Iterable[PanelQuery]) -> None:
    """Every query, and every recorded series, has the same values in both."""
    at, answered = time.time() - 3, 0
    for each in asked:
        if not LONG.search(each.expr) and not OWN.search(each.expr):
            expr, instant = sent(each.expr, job="shop", **WINDOWS), bool(each.target["instant"])
            expected, found = (answer(port, expr, at, instant=instant) for port in (alone, fed))
            answered += bool(expected)
            check_same(expected, found, each, WITHIN)
    assert answered > 120
    expected, found = (answer(port, RECORDED, at) for port in (alone, fed))
    assert found.keys() ^ expected.keys() == set()
    short = {key for key in expected if not LONG.match(dict(key)["__name__"])}
    assert len(short) > 600
    assert {key: found[key] for key in short} == pytest.approx(
        {key: expected[key] for key in short}, rel=WITHIN
    )


def test_victoria_metrics_that_scrapes(stores: Stores, tmp_path: Path) -> None:
    """VictoriaMetrics with vmalert has the values when it scrapes by itself."""
    check_all(stores.alone, stores.victoria_metrics, classic_queries(tmp_path))


def test_prometheus_refuses_what_two_replicas_record(stores: Stores) -> None:
    """A second value at the same time is refused, with all else that is in its request."""
    now, port = int(time.time() * 1000), stores.receiver.port
    first, other = (
        {"__name__": name, "job": "refused"} for name in ("first:rate5m", "other:rate5m")
    )
    remote_write.send(port, [SampleBlock([first], np.array([now]), np.array([[1.0]]))])
    both = SampleBlock([other, first], np.array([now]), np.array([[1.0], [2.0]]))
    with pytest.raises(AssertionError, match="duplicate sample for timestamp"):
        remote_write.send(port, [both])
    assert [row["value"][1] for row in query(port, '{job="refused"}')] == ["1"]


def test_a_prometheus_that_two_replicas_write_to(stores: Stores) -> None:
    """It has the values of one, not of two, also when one of the two has ended."""
    check_all(stores.alone, stores.receiver.port, all_queries())
    stores.receiver.first.close()
    time.sleep(FULL)
    check_all(stores.alone, stores.receiver.port, all_queries())
