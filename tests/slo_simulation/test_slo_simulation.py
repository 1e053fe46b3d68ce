"""The statements of ``docs/slo.md`` about budgets and pages hold for its simulated months."""

from functools import cache
from math import isnan
from typing import Any

import pytest

from benchmarks.objectives.clock import MINUTE
from benchmarks.objectives.counters import Counter
from benchmarks.objectives.document import DOCUMENT, table_of
from benchmarks.objectives.formulas import MIN_BAD_EVENTS, MIN_FAILED, PYRRA, SIDELIGHT
from benchmarks.objectives.promql import rate_at
from benchmarks.objectives.scenarios import SCENARIOS
from benchmarks.objectives.table import Figures, figures, tables
from sidelight.durations import to_milliseconds
from sidelight.slo import burn_rate, windows

pytestmark = pytest.mark.xdist_group("months")  # each process would simulate a month of its own

MONTHS = {scenario.name: scenario for scenario in SCENARIOS}
LONE, RARE, NIGHT, NOON, OUTAGE, NOBODY, LEAK, BURSTS = MONTHS
OURS, SLOTHS, PYRRAS = range(3)


def months(*but: str) -> list[Any]:
    """The months but these. One is in `make test`, the others are slow: each takes 3 seconds."""
    slow = pytest.mark.slow
    names = [name for name in MONTHS if name not in but]
    return [name if name == LONE else pytest.param(name, marks=slow) for name in names]


@cache
def month(name: str) -> Figures:
    return figures(MONTHS[name])


@pytest.mark.parametrize("name", months())
def test_the_document_has_the_simulated_figures(name: str) -> None:
    """Each row of each table of docs/slo.md is the result of the simulation."""
    page = DOCUMENT.read_text(encoding="utf-8")
    for table, text in tables([month(name)]).items():
        assert text.splitlines()[-1] in table_of(page, table)


def test_the_document_has_all_months() -> None:
    """The tables of docs/slo.md have a row for each month and no other."""
    page = DOCUMENT.read_text(encoding="utf-8")
    assert len(table_of(page, "months")) == len(MONTHS)
    assert all(len(table_of(page, name)) == len(MONTHS) + 2 for name in ("budget", "pages"))


@pytest.mark.parametrize("name", months(LONE, NOBODY))
def test_our_budget_is_within_a_percent(name: str) -> None:
    """With any traffic, our budget is that of the requests, within 1 %."""
    assert month(name).tools[OURS].spent == pytest.approx(month(name).truth, rel=0.01)


def test_the_budget_of_three_failures_is_a_ninth_off() -> None:
    """Where three requests failed in a month, our budget is off by about a ninth."""
    assert month(LONE).tools[OURS].spent == pytest.approx(month(LONE).truth, rel=0.12)


@pytest.mark.parametrize(("every", "least", "most"), [(60, 8 / 9, 10 / 9), (30, 1, 1)])
def test_one_failure_counts_once_where_rules_run_as_often_as_scrapes(
    every: int, least: float, most: float
) -> None:
    """One failure among others is one in our sums if rules run at each scrape, else 8/9 to 10/9."""
    for shift in range(0, MINUTE, 10):
        counter = Counter(shift - 3, [5] * 40 + [6] * 40)
        counted = sum(rate_at(counter, n, 300) * every for n in range(600, 1800, every))
        assert least <= counted + 1e-9
        assert counted - 1e-9 <= most


@pytest.mark.slow
def test_a_mean_of_ratios_is_not_the_budget_under_uneven_traffic() -> None:
    """Errors at night spend nine times as much in a mean of 5-minute ratios as in requests."""
    assert month(NIGHT).tools[SLOTHS].spent > 9 * month(NIGHT).truth


@pytest.mark.slow
def test_a_mean_of_ratios_undercounts_errors_at_noon() -> None:
    """Errors at noon spend half as much in a mean of 5-minute ratios as in requests."""
    assert month(NOON).tools[SLOTHS].spent < 0.55 * month(NOON).truth


def test_a_mean_of_ratios_is_nan_after_five_minutes_without_requests() -> None:
    """With low traffic the mean of 5-minute ratios is NaN."""
    assert isnan(month(LONE).tools[SLOTHS].spent)


@pytest.mark.parametrize("name", months(NOBODY))
def test_increase_over_the_month_is_exact(name: str) -> None:
    """Pyrra's budget is within 1 % of the requests' in every month, with low traffic too."""
    assert month(name).tools[PYRRAS].spent == pytest.approx(month(name).truth, rel=0.01)


@pytest.mark.slow
def test_no_formula_counts_requests_that_reach_no_process() -> None:
    """While there is no process, no tool's budget is spent, and no burn rate alert fires."""
    assert all(tool.spent < month(NOBODY).truth / 3 for tool in month(NOBODY).tools)
    assert [score.missed for score in month(NOBODY).pages] == [1, 1, 1]


def test_a_single_error_at_night_is_no_page() -> None:
    """One failed request at 3:00 is no page of ours. Without a floor it is one each time."""
    assert month(LONE).pages[OURS].raised == 0
    assert month(LONE).pages[SLOTHS].false == 3
    assert month(LONE).pages[PYRRAS].false == 6


@pytest.mark.slow
def test_the_floor_misses_a_short_outage_of_few_requests() -> None:
    """We miss an outage of two hours with eight requests, and page 2 hours late in the next."""
    ours, sloths = month(RARE).pages[OURS], month(RARE).pages[SLOTHS]
    assert (ours.due, ours.missed, sloths.missed) == (2, 1, 0)
    assert min(ours.delays) > 2 * 60 * MINUTE


@pytest.mark.slow
def test_all_page_for_a_night_that_costs_little() -> None:
    """A burn rate is relative to its window: each tool pages for nights that spend 10 % in all."""
    assert all(score.due == 0 < score.false for score in month(NIGHT).pages)


@pytest.mark.slow
@pytest.mark.parametrize("name", [NOON, OUTAGE])
def test_what_is_worth_a_page_gets_one(name: str) -> None:
    """All tools page for an outage and an hour of errors at noon, and none has a false page."""
    assert all((one.missed, one.false) == (0, 0) for one in month(name).pages)


@pytest.mark.slow
def test_a_leak_is_a_warning() -> None:
    """Twice the allowed errors for three weeks are no page, and a warning within two days."""
    assert [one.raised for one in month(LEAK).pages] == [0, 0, 0]
    assert all(one.delays[0] < 2 * 24 * 60 * MINUTE for one in month(LEAK).warnings)


@pytest.mark.slow
def test_bursts_are_no_alert() -> None:
    """A month of healthy bursts, deploys and crashes raises no alert."""
    assert not any(one.raised for one in (*month(BURSTS).pages, *month(BURSTS).warnings))


def test_the_burn_rates_are_those_of_the_rules() -> None:
    """The simulation of Sidelight has the windows, factors, floors and ``for`` of its rules."""
    generated = [
        (
            to_milliseconds(one.long) / 1000,
            to_milliseconds(one.short) / 1000,
            float(one.factor),
            one.severity == "critical",
            to_milliseconds(one.hold) / 1000,
        )
        for one in windows.BURN_RATES
    ]
    assert generated == [(b.long, b.short, b.factor, b.page, b.hold) for b in SIDELIGHT]
    assert (windows.INTERVAL, windows.SLOW_INTERVAL, windows.BASE) == ("1m", "4m", "5m")
    assert burn_rate.MIN_FAILED == MIN_FAILED
    assert MIN_BAD_EVENTS == 10


def test_pyrras_windows_are_scaled_as_it_scales_them() -> None:
    """For 30 days Pyrra's hour is 64 minutes, its four days 4 d 6 h 51 min, and so on."""
    minutes = [(one.long // MINUTE, one.short // MINUTE, one.hold // MINUTE) for one in PYRRA]
    assert minutes == [(64, 5, 2), (386, 32, 16), (1543, 129, 64), (6171, 386, 193)]
