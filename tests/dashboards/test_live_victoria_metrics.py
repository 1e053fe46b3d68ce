"""VictoriaMetrics that receives OTLP, beside a Prometheus that scrapes the same sidecar."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from tests.dashboards.querying import classic_queries, send
from tests.dashboards.reading import PanelQuery
from tests.dashboards.shoppers import shoppers
from tests.dashboards.stack import SHOP, prometheus, rule_files, served
from tests.live.prometheus import query
from tests.live.servers import Server, eventually, of_uvicorn
from tests.live.sidecars import Sidecar
from tests.live.victoria_metrics import OTLP_PATH, victoria_metrics, vmalert
from tests.marks import slow_live

pytestmark = slow_live(400, "victoria-metrics")

SCRAPED = re.compile(r"\b(up|scrape_\w+|target_info|prometheus_\w+|ALERTS)\b")
"""What a Prometheus makes itself: its own metrics, and those of each scrape."""
OWN_LABELS = {"instance", "service_name", "service_instance_id"}
"""Labels that say how the metrics came."""


class Stores(NamedTuple):
    """The shop, and the ports of both stores."""

    shop: Server
    prometheus: int
    victoria_metrics: int


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Both stores have the metrics of the shop, and the rules of the same objectives."""
    where = tmp_path_factory.mktemp("stores")
    env = {"SIDELIGHT_DIR": str(where / "store"), "SIDELIGHT_PHASE_SAMPLE_INTERVAL": "1"}
    often = {"OTEL_METRIC_EXPORT_INTERVAL": "1000", "OTEL_SERVICE_NAME": "shop"}
    with ExitStack() as parts:
        victoria = parts.enter_context(victoria_metrics(where))
        shop = parts.enter_context(served("app:app", where, env, *of_uvicorn(2), folder=SHOP))
        otlp = f"http://127.0.0.1:{victoria}{OTLP_PATH}"
        sidecar = Sidecar(where / "store", where, "--otlp", otlp, **often)
        parts.enter_context(sidecar)
        scraping = parts.enter_context(prometheus({"shop": [sidecar.port]}, where))
        parts.enter_context(vmalert(where, victoria, rule_files(where, native=False)))
        eventually(lambda: query(scraping, 'sum(sidelight_workers{job="shop"}) == 2'))
        yield Stores(shop, scraping, victoria)


def recorded(port: int) -> set[frozenset[tuple[str, str]]]:
    """The recorded series of the shop that have a value, without the labels of their way."""
    rows = query(port, '{__name__=~".+:.+",job="shop"}')
    return {frozenset(_labels(row["metric"])) for row in rows}


def _labels(given: dict[str, str]) -> Iterator[tuple[str, str]]:
    for key, value in given.items():
        if key not in OWN_LABELS:
            yield key, str(float(value)) if key == "le" else value


def test_the_rules_record_the_same_series(stores: Stores) -> None:
    """By the rules of classic histograms, vmalert records the series that Prometheus records."""
    with shoppers(stores.shop):
        eventually(lambda: len(recorded(stores.prometheus)) > 700)
    names = {dict(each)["__name__"] for each in eventually(lambda: both(stores), 180)}
    assert "slo:error_budget_left:ratio" in names


def both(stores: Stores) -> set[frozenset[tuple[str, str]]]:
    """The recorded series, if both have the same."""
    found = recorded(stores.prometheus)
    return found if found == recorded(stores.victoria_metrics) else set()


def needed(each: PanelQuery) -> bool:
    """Whether a query reads what arrives by OTLP, or what rules record from it."""
    return not SCRAPED.search(each.expr)


def test_each_series_has_its_value(stores: Stores) -> None:
    """Once nobody asks, every count of requests is the one that Prometheus scrapes."""
    with shoppers(stores.shop):
        eventually(lambda: len(counts(stores.prometheus)) > 500)
    assert eventually(lambda: counts(stores.prometheus) == counts(stores.victoria_metrics))


def counts(port: int) -> dict[frozenset[tuple[str, str]], str]:
    """The counts of the shop's requests, of every route and bucket."""
    rows = query(port, '{__name__=~"http_server_.+_(count|sum|bucket)",job="shop"}')
    return {frozenset(_labels(row["metric"])): row["value"][1] for row in rows}


def test_every_dashboard_finds_data(stores: Stores, tmp_path: Path) -> None:
    """Each query for classic histograms that Prometheus answers is answered here in time."""
    asked = [each for each in classic_queries(tmp_path) if needed(each)]
    with shoppers(stores.shop):
        eventually(lambda: query(stores.victoria_metrics, "slo:error_budget_left:ratio"))
        answered = [each for each in asked if send(stores.prometheus, each, job="shop").series]
        assert len(answered) > 100
        eventually(lambda: not unanswered(stores.victoria_metrics, answered))


def unanswered(port: int, queries: list[PanelQuery]) -> list[PanelQuery]:
    """The queries without an answer, which are asked again next time."""
    queries[:] = [each for each in queries if not send(port, each, job="shop").series]
    return queries
