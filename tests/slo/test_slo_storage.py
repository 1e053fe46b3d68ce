"""The same traffic has the same rates and alerts, however Prometheus stores histograms."""

import json
from pathlib import Path
from typing import Any

import pytest

from sidelight.slo import names
from tests.live.newer import newer
from tests.slo.made import TESTS
from tests.slo.needed import cut
from tests.slo.stored_histograms import Storage, of_instance
from tests.slo.test_slo_promtool import check_tests

AT = "20m"
RATES: dict[str, dict[tuple[str, ...], float]] = {
    f"{names.ROUTE}{{}}": {
        ("GET", "/"): 140,
        ("POST", "/checkout"): 40,
        ("GET", "/tail"): 20,
        ("GET", "/feed"): 20,
        ("GET", "/events"): 200,
        ("GET", "/quiet"): 0,
    },
    f'{names.ROUTE_TIME}{{http_route=~"/|/quiet"}}': {
        ("GET", "/"): 2 * (50 * 0.09 + 6 * 0.31 + 14 * 4),
        ("GET", "/quiet"): 0,
    },
    f'{names.TOTAL_RATE}{{slo="availability",http_route=""}}': {(): 220},
    f'{names.BAD_RATE}{{slo="availability",http_route=""}}': {(): 20},
    f'{names.TOTAL_RATE}{{slo="latency"}}': {
        (): 180,
        ("POST", "/checkout"): 40,
        ("GET", "/feed"): 20,
    },
    f'{names.BAD_RATE}{{slo="latency"}}': {(): 42, ("POST", "/checkout"): 10, ("GET", "/feed"): 4},
    f"sum by (http_request_method, http_route) ({names.INSTANCE_STATUS})": {(): 420},
    f"sum by (http_request_method, http_route) ({names.INSTANCE_TIME})": {
        (): 2 * (50 * 0.09 + 6 * 0.31 + 14 * 4 + 10 * 0.09 + 5 * 0.31 + 5 * 4 + 120 * 4)
    },
}
"""Numbers a minute, of two instances, by method and route."""
BURNS = 'alertname=~"AvailabilityErrorBudgetBurn|LatencyErrorBudgetBurn"'
ALERTS = f'ALERTS{{{BURNS},alertstate="firing",severity="critical",window="1h"}}'


Stored = tuple[Storage, bool]
"""How an instance's histograms are stored, and whether it has Sidelight's counters."""
SAME: list[tuple[Stored, Stored]] = [
    (("classic", False), ("classic", False)),
    (("classic", True), ("classic", True)),
    (("no buckets", True), ("no buckets", True)),
    (("native", True), ("native", True)),
    (("both", True), ("both", True)),
    (("both", False), ("both", False)),
    (("nhcb", False), ("nhcb", False)),
    (("nhcb", True), ("nhcb", True)),
    (("classic", False), ("native", True)),
    (("classic", True), ("nhcb", False)),
    (("both", True), ("classic", False)),
]


def checked(folder: Path, series: list[dict[str, Any]], *checks: dict[str, Any]) -> None:
    """Promtool agrees with these checks of the shop's rules over some series."""
    file = folder / "storage.yaml"
    test = {"interval": "1m", "input_series": series, "promql_expr_test": checks}
    head = {"rule_files": [str(TESTS / "shop.yml")], "evaluation_interval": "1m"}
    file.write_text(json.dumps({**head, "tests": [test]}))
    check_tests(newer("promtool"), cut(file, folder), folder)


@pytest.mark.parametrize(("first", "second"), SAME)
def test_storage_changes_nothing(first: Stored, second: Stored, tmp_path: Path) -> None:
    """Two instances have the same rates and alerts, however each is stored."""
    series = [
        one
        for instance, (storage, counters) in zip("ab", (first, second), strict=True)
        for one in of_instance(instance, storage, counters=counters)
    ]
    checked(tmp_path, series, *rates(), alerts())


@pytest.mark.parametrize("stored", [("classic", False), ("classic", True), ("native", True)])
def test_an_instance_that_ended_counts_once(stored: Stored, tmp_path: Path) -> None:
    """While the window has three and a half of its last minutes, its slow responses count once."""
    storage, counters = stored
    series = of_instance("a", storage, counters=counters, minutes=10)
    expected = [{"labels": "{}", "value": 21 * 3.5 / 5}]
    expr = f'round(60 * sum ({names.BAD_RATE}{{slo="latency",http_route=""}}), 0.001)'
    checked(tmp_path, series, {"expr": expr, "eval_time": "12m", "exp_samples": expected})


def test_without_a_counter_a_native_histogram_is_estimated(tmp_path: Path) -> None:
    """Where a latency is one of its boundaries, as 1 s is, the estimate is exact."""
    series = of_instance("a", "native", counters=False)
    expr = (
        f'round(60 * sum by (http_route) ({names.BAD_RATE}{{slo="latency",http_route!=""}}), 0.1)'
    )
    expected = [
        {"labels": '{http_route="/checkout"}', "value": 5},
        {"labels": '{http_route="/feed"}', "value": 2},
    ]
    checked(tmp_path, series, {"expr": expr, "eval_time": AT, "exp_samples": expected})


def rates() -> list[dict[str, Any]]:
    """Checks of recorded rates a second."""
    return [
        {
            "expr": f"round(sum by (http_request_method, http_route) (60 * {expr}), 0.001)",
            "eval_time": AT,
            "exp_samples": [
                {"labels": _labels(*route), "value": round(number, 3)}
                for route, number in expected.items()
            ],
        }
        for expr, expected in RATES.items()
    ]


def alerts() -> dict[str, Any]:
    """The check of errors and latency: both fire for the service, and latency for a route."""
    return {
        "expr": f"count by (alertname, http_route) ({ALERTS})",
        "eval_time": AT,
        "exp_samples": [
            {"labels": '{alertname="AvailabilityErrorBudgetBurn"}', "value": 1},
            {"labels": '{alertname="LatencyErrorBudgetBurn"}', "value": 1},
            {
                "labels": '{alertname="LatencyErrorBudgetBurn",http_route="/checkout"}',
                "value": 1,
            },
        ],
    }


def _labels(method: str = "", route: str = "") -> str:
    return f'{{http_request_method="{method}",http_route="{route}"}}' if method else "{}"
