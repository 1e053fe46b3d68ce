"""VictoriaMetrics with vmalert has the values that Prometheus has, from the same samples.

Both get them by remote write, and evaluate the same rules.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from sidelight.embedded.promql.storage import SampleBlock
from sidelight.slo import names
from tests.dashboards.comparing import LONG, Values, answer, check_same
from tests.dashboards.querying import classic_queries
from tests.dashboards.reading import PanelQuery, sent
from tests.dashboards.stack import rule_files
from tests.dashboards.steady import STEP, hour, page_of_the_shop, with_scrape
from tests.embedded.promql import remote_write
from tests.embedded.promql.oracle_server import oracle_server
from tests.live.counting import Samples
from tests.live.newer import newer
from tests.live.prometheus import query
from tests.live.servers import PATIENCE, eventually
from tests.live.victoria_metrics import victoria_metrics, vmalert
from tests.marks import slow_live

pytestmark = slow_live(500, "engines")

LEFT = 'slo:error_budget_left:ratio{job="shop"}'
RATES = {"slo:requests:rate5m": 2.0, "slo:bad_requests:rate5m": 0.01}
RECORDED_JOB = "recorded"
"""A job of which an hour of RATES was recorded before."""
SUMMED_JOB = "summed"
"""A job of which an hour was recorded of what panels sum up."""


class Engines(NamedTuple):
    """The ports of both."""

    prometheus: int
    victoria_metrics: int


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Both engines with the same samples, once the rules have recorded in both."""
    where = tmp_path_factory.mktemp("engines")
    rules = rule_files(where, native=False)
    config = f"global: {{evaluation_interval: 1s}}\nrule_files: [{', '.join(map(str, rules))}]\n"
    page = with_scrape(page_of_the_shop(where))
    with ExitStack() as parts:
        oracle = parts.enter_context(
            oracle_server(newer("prometheus"), [], where / "prometheus", "--web.enable-lifecycle")
        )
        found = Engines(oracle.port, parts.enter_context(victoria_metrics(where)))
        eventually(lambda: query(found.victoria_metrics, "vector(1)"))
        now = int(time.time())
        before = (hour(recorded_before(), now, RECORDED_JOB), hour(summed_up(), now, SUMMED_JOB))
        for blocks in zip(hour(page, now), *before, strict=True):
            for port in found:
                remote_write.send(port, blocks)
        (where / "prometheus" / "prometheus.yml").write_text(config)
        reload(found.prometheus)  # before it, samples of an hour ago would be too old
        parts.enter_context(vmalert(where, found.victoria_metrics, rules))
        eventually(lambda: all(len(query(port, LEFT)) == 4 for port in found))
        yield found


def reload(port: int) -> None:
    """Have a Prometheus read its configuration again."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("POST", "/-/reload")
    assert connection.getresponse().status == 200
    connection.close()


def recorded_before() -> Samples:
    slo = frozenset({("slo", "latency")})
    return {(name, slo): value for name, value in RATES.items()}


def summed_up() -> Samples:
    """What panels sum up over their time range, beside an objective's."""
    classes = (frozenset({("status_class", status)}) for status in ("4xx", "5xx"))
    found: Samples = {(names.ROUTE_CLASS, labels): 3.0 for labels in classes}
    return found | {(names.ROUTE_SLOW, frozenset[tuple[str, str]]()): 0.5}


def answers(engines: Engines, each: PanelQuery, at: float) -> list[Values]:
    """What both answer to a query of a dashboard."""
    expr, instant = sent(each.expr, job="shop"), bool(each.target["instant"])
    return [answer(port, expr, at, instant=instant) for port in engines]


def test_every_query_of_the_dashboards(engines: Engines, tmp_path: Path) -> None:
    """Each of those for classic histograms succeeds, with the labels and values of Prometheus.

    To a millionth, and not the values of long windows, which are those of `test_long_windows`.
    """
    at, answered = time.time() - 2, 0
    for each in classic_queries(tmp_path):
        expected, found = answers(engines, each, at)
        answered += bool(expected)
        if not LONG.search(each.expr):
            check_same(expected, found, each, 1e-6)
    assert answered > 150


def test_what_the_rules_record(engines: Engines) -> None:
    """The same series, with the same values but for those of long windows."""
    at, recorded = time.time() - 2, '{__name__=~".+:.+",job="shop"}'
    expected, found = (answer(port, recorded, at) for port in engines)
    assert found.keys() == expected.keys()
    assert len(found) > 700
    short = {key for key in expected if not LONG.match(dict(key)["__name__"])}
    assert len(short) > 600
    assert {key: found[key] for key in short} == pytest.approx(
        {key: expected[key] for key in short}, rel=1e-6
    )


def test_long_windows(engines: Engines, tmp_path: Path) -> None:
    """Where an hour was recorded, the rules of long windows have the same values."""
    ratio = RATES["slo:bad_requests:rate5m"] / RATES["slo:requests:rate5m"]
    for window in ("30m", "1h", "6h", "30d"):
        name = f"slo:bad_requests_per_requests:ratio_rate{window}"
        for port in engines:
            rows = query(port, f'{name}{{job="{RECORDED_JOB}"}}')
            values = [float(row["value"][1]) for row in rows]
            assert values == pytest.approx([ratio], rel=0.01), (name, port)
    of_rules = [f'slo:requests:increase{w}{{job="{RECORDED_JOB}"}}' for w in ("30m", "1h")]
    of_range = [
        sent(each.expr, job=RECORDED_JOB if "(slo:" in each.expr else SUMMED_JOB)
        for each in classic_queries(tmp_path)
        if "sum_over_time(" in each.expr
    ]
    assert len(of_range) == 9
    for text in (*of_rules, *of_range):
        expected, found = (answer(port, text, time.time()) for port in engines)
        assert len(found) == 1
        assert found == pytest.approx(expected, rel=1e-6), text


def test_rates_of_an_uneven_counter(engines: Engines) -> None:
    """They differ by less than what the counter grew between two samples, and do differ."""
    now, window = int(time.time()), 300
    times = np.arange(now - 2_400, now, STEP)
    grown = np.random.default_rng(1).integers(0, 100, len(times))
    block = SampleBlock(
        [{"__name__": "uneven_total"}], times * 1_000, np.cumsum([grown], axis=1).astype(float)
    )
    for port in engines:
        remote_write.send(port, [block])
    eventually(lambda: query(engines.victoria_metrics, "uneven_total"))
    differences = []
    for at in times[30:]:
        expected, found = (answer(port, f"rate(uneven_total[{window}s])", at) for port in engines)
        differences += [abs(found[key] - expected[key]) for key in expected]
    assert len(differences) == len(times) - 30
    assert 0 < max(differences) < grown.max() / window
