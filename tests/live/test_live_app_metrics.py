"""The application's own prometheus_client metrics, summed over real workers."""

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import Samples, scrape, settle, value
from tests.live.newer import newer
from tests.live.prometheus import prometheus, query
from tests.live.servers import Server, eventually

pytest.importorskip("prometheus_client")
pytestmark = pytest.mark.live

ORDERS = "shop_orders_total"


def order(server: Server, kind: str, prices: list[float]) -> None:
    """Place orders."""
    for price in prices:
        assert server.get(f"/orders/{kind}?price={price}", "POST")[0] == 200


def shown(server: Server, check: Callable[[Samples], bool]) -> Samples:
    """The first page that passes: another worker's numbers are as old as its last snapshot."""
    found: list[Samples] = []

    def once() -> bool:
        found.append(scrape(server))
        return check(found[-1])

    eventually(once)
    return found[-1]


def check_sums(page: Samples, prices: list[float]) -> None:
    """Counters, histogram, summary and custom counter of all workers together."""
    assert value(page, ORDERS, kind="book") == len(prices)
    assert value(page, "shop_price_euros_count") == len(prices)
    assert value(page, "shop_price_euros_sum") == sum(prices)
    for bound, text in ((1, "1.0"), (10, "10.0"), (100, "100.0")):
        below = sum(price <= bound for price in prices)
        assert value(page, "shop_price_euros_bucket", le=text) == below
    assert value(page, "shop_price_euros_bucket", le="+Inf") == len(prices)
    assert value(page, "shop_weight_grams_count") == len(prices)
    assert value(page, "shop_weight_grams_sum") == sum(prices)
    assert value(page, "custom_calls_total") == len(prices)


def by_worker(page: Samples, name: str) -> dict[str, float]:
    """A gauge's values by worker."""
    return {dict(labels)["worker"]: number for (n, labels), number in page.items() if n == name}


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_the_applications_metrics_are_those_of_all_workers(uvicorn: Serve, workers: int) -> None:
    """Counts are summed; gauges follow their multiprocess mode, or have one series a worker."""
    server = uvicorn(workers, "app_metrics:app").ready(workers)
    prices = [0.5, 5.0, 50.0, 500.0] * 10
    order(server, "book", prices)
    pids = sorted(map(float, server.workers()))

    def whole(page: Samples) -> bool:
        return (
            value(page, ORDERS) == len(prices) and len(by_worker(page, "custom_depth")) == workers
        )

    page = shown(server, whole)
    check_sums(page, prices)
    for mode in ("all", "liveall"):
        assert sorted(by_worker(page, f"shop_{mode}").values()) == pids
    for mode, expected in (("sum", sum(pids)), ("max", pids[-1]), ("min", pids[0])):
        for name in (f"shop_{mode}", f"shop_live{mode}"):
            assert [v for (n, _), v in page.items() if n == name] == [expected]
    assert by_worker(page, "custom_depth") == {str(n): 7.0 for n in range(workers)}
    assert value(page, "shop_build_info", revision="abc") == 1
    states = {(dict(labels)["shop_state"], dict(labels)["worker"]): number
              for (name, labels), number in page.items() if name == "shop_state"}  # fmt: skip
    assert states == {
        (state, str(worker)): float(state == "open")
        for state in ("open", "shut")
        for worker in range(workers)
    }
    assert not [name for name, _ in page if name.startswith("python_info")]
    server.stop()
    server.leaves_nothing()


def test_a_killed_workers_counters_stay(uvicorn: Serve) -> None:
    """What a worker's last snapshot held stays in the totals when the worker is killed."""
    server = uvicorn(2, "app_metrics:app").ready(2)
    prices = [5.0] * 40
    order(server, "book", prices)
    shown(server, lambda page: value(page, ORDERS) == len(prices))
    for victim in server.workers():
        server.kill(victim)
        eventually(lambda victim=victim: victim not in server.workers())  # type: ignore[misc] # mypy infers no lambda with a default
        settle(server, 2)
        check_sums(scrape(server), prices)
    order(server, "book", prices)
    page = shown(server, lambda page: value(page, ORDERS) == 2 * len(prices))
    check_sums(page, prices * 2)
    server.stop()


@pytest.mark.parametrize("scraped", [True, False], ids=["scraped", "never-scraped"])
def test_a_clean_stop_keeps_the_applications_counters_exactly(
    uvicorn: Serve, store: Path, *, scraped: bool
) -> None:
    """Counters of workers that ended cleanly are all in the totals, scraped before or not."""
    for _ in range(2):
        server = uvicorn(2, "app_metrics:app", SIDELIGHT_DIR=str(store)).ready()
        if scraped:
            settle(server, 2)
        else:
            eventually(lambda: len(list(store.glob("*.worker"))) == 2)
        order(server, "book", [5.0] * 10)
        server.stop()
        assert not [path for path in store.iterdir() if path.suffix in {".worker", ".user"}]
    server = uvicorn(2, "app_metrics:app", SIDELIGHT_DIR=str(store)).ready()
    check_sums(scrape(server), [5.0] * 20)


def test_a_collector_that_fails_at_the_end_changes_no_end(uvicorn: Serve) -> None:
    """A collector that raises after shutdown leaves the stop clean, and nothing behind."""
    server = uvicorn(2, "app_metrics:app", FAILS_AT_THE_END="1").ready(2)
    order(server, "book", [5.0])
    assert server.stop() in {0, -signal.SIGTERM}
    server.leaves_nothing()


def test_a_collector_that_fails_at_the_end_is_no_death(uvicorn: Serve, store: Path) -> None:
    """Workers whose collectors raise after shutdown still count as ended cleanly."""
    env = {"FAILS_AT_THE_END": "1", "SIDELIGHT_DIR": str(store)}
    server = uvicorn(2, "app_metrics:app", **env).ready()
    settle(server, 2)
    server.stop()
    page = scrape(uvicorn(2, "app_metrics:app", **env).ready())
    assert value(page, "sidelight_worker_exits_total", how="clean") == 2
    assert value(page, "sidelight_worker_exits_total", how="died") == 0


@pytest.mark.newest
def test_a_first_count_is_an_increase(uvicorn: Serve, tmp_path: Path) -> None:
    """Prometheus with zero ingestion has a 0 at the time at which a label set was first used."""
    server = uvicorn(2, "app_metrics:app", SIDELIGHT_CREATED_SERIES="1").ready(2)
    jobs = [{"job_name": "shop", "static_configs": [{"targets": [f"127.0.0.1:{server.port}"]}]}]
    config = json.dumps({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
    feature = "--enable-feature=created-timestamp-zero-ingestion"
    with prometheus(config, tmp_path, feature, program=newer("prometheus")) as port:
        eventually(lambda: bool(query(port, "up == 1")))
        order(server, "late", [5.0])
        eventually(lambda: bool(query(port, f'{ORDERS}{{kind="late"}} == 1')))
        (series,) = query(port, f'{ORDERS}{{kind="late"}}[1h]')
        (increase,) = query(port, f'increase({ORDERS}{{kind="late"}}[1h])')
    accept = {"accept": "application/openmetrics-text"}
    lines = server.get("/metrics", headers=accept)[1].splitlines()
    (created,) = (line.split()[1] for line in lines if line.startswith("shop_orders_created"))
    first, *others = series["values"]
    assert first == [round(float(created) * 1e9) // 10**6 / 1000, "0"]
    assert {value for _, value in others} == {"1"}
    assert float(increase["value"][1]) >= 1
