"""What ``docs/slo.md`` says of budgets and pages, on its own simulated months."""

from functools import cache
from math import isnan

import pytest

from benchmarks.objectives.clock import MINUTE
from benchmarks.objectives.counters import Counter
from benchmarks.objectives.formulas import FEW, MIN_BAD_EVENTS, PYRRA, SIDELIGHT
from benchmarks.objectives.page import PAGE, table_of
from benchmarks.objectives.promql import rate_at
from benchmarks.objectives.scenarios import SCENARIOS
from benchmarks.objectives.table import Figures, figures, tables
from sidelight.durations import to_milliseconds
from sidelight.slo import burn_rate, windows

MONTHS = {scenario.name: scenario for scenario in SCENARIOS}
LONE, RARE, NIGHT, NOON, OUTAGE, NOBODY, LEAK, BURSTS = MONTHS
ALL = [name if name == LONE else pytest.param(name, marks=pytest.mark.slow) for name in MONTHS]
"""A month takes three seconds: one is in `make test`, the others are in `make test-all`."""
OURS, SLOTHS, PYRRAS = range(3)


@cache
def month(name: str) -> Figures:
    return figures(MONTHS[name])


@pytest.mark.parametrize("name", ALL)
def test_the_page_says_what_the_simulation_says(name: str) -> None:
    """Each row of each table of docs/slo.md is what the simulation gives today."""
    page = PAGE.read_text(encoding="utf-8")
    for table, text in tables([month(name)]).items():
        assert text.splitlines()[-1] in table_of(page, table)


def test_the_page_has_all_months() -> None:
    """The tables of docs/slo.md have a row for each month and no other."""
    page = PAGE.read_text(encoding="utf-8")
    assert len(table_of(page, "months")) == len(MONTHS)
    assert all(len(table_of(page, name)) == len(MONTHS) + 2 for name in ("budget", "pages"))


@pytest.mark.parametrize("name", [one for one in ALL if one not in (LONE, NOBODY)])
def test_our_budget_is_within_a_percent_of_the_truth(name: str) -> None:
    """Whatever the traffic, our budget is that of the requests, to one part in a hundred."""
    assert month(name).tools[OURS].spent == pytest.approx(month(name).truth, rel=0.01)


def test_the_budget_of_three_failures_is_a_ninth_off() -> None:
    """Where three requests failed in a month, our budget is off by a ninth and a little more."""
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
    """Errors at night are nine times as dear in a mean of 5-minute ratios as in requests."""
    assert month(NIGHT).tools[SLOTHS].spent > 9 * month(NIGHT).truth


@pytest.mark.slow
def test_a_mean_of_ratios_forgives_errors_at_noon() -> None:
    """Errors at noon are half as dear in a mean of 5-minute ratios as in requests."""
    assert month(NOON).tools[SLOTHS].spent < 0.55 * month(NOON).truth


def test_a_mean_of_ratios_is_nan_where_nobody_came_for_five_minutes() -> None:
    """Low traffic has no mean of 5-minute ratios at all."""
    assert isnan(month(LONE).tools[SLOTHS].spent)


@pytest.mark.parametrize("name", [one for one in ALL if one != NOBODY])
def test_increase_over_the_month_is_the_truth(name: str) -> None:
    """Pyrra's budget is within a percent of the truth in every month, low traffic too."""
    assert month(name).tools[PYRRAS].spent == pytest.approx(month(name).truth, rel=0.01)


@pytest.mark.slow
def test_no_formula_knows_of_requests_that_reached_nobody() -> None:
    """While no process is there, nobody's budget moves, and nobody's burn alert speaks."""
    assert all(tool.spent < month(NOBODY).truth / 3 for tool in month(NOBODY).tools)
    assert [verdict.missed for verdict in month(NOBODY).pages] == [1, 1, 1]


def test_a_lone_error_at_night_wakes_nobody() -> None:
    """One failed request at 3:00 is no page of ours; without a floor it is one each time."""
    assert month(LONE).pages[OURS].raised == 0
    assert month(LONE).pages[SLOTHS].false == 3
    assert month(LONE).pages[PYRRAS].false == 6


@pytest.mark.slow
def test_the_floor_misses_a_short_outage_of_few_requests() -> None:
    """Eight failures in two hours, all there were: we miss them, and find the next 2 hours late."""
    ours, sloths = month(RARE).pages[OURS], month(RARE).pages[SLOTHS]
    assert (ours.due, ours.missed, sloths.missed) == (2, 1, 0)
    assert min(ours.delays) > 2 * 60 * MINUTE


@pytest.mark.slow
def test_all_page_for_a_night_that_costs_little() -> None:
    """A burn compares a window with itself: every tool pages for nights that spend 10 % in all."""
    assert all(verdict.due == 0 < verdict.false for verdict in month(NIGHT).pages)


@pytest.mark.slow
@pytest.mark.parametrize("name", [NOON, OUTAGE])
def test_what_is_worth_a_page_gets_one(name: str) -> None:
    """An outage and an hour of errors at noon are paged by all, falsely by none."""
    assert all((one.missed, one.false) == (0, 0) for one in month(name).pages)


@pytest.mark.slow
def test_a_leak_is_a_warning() -> None:
    """Twice the allowed errors for three weeks wake nobody, and warn in two days."""
    assert [one.raised for one in month(LEAK).pages] == [0, 0, 0]
    assert all(one.delays[0] < 2 * 24 * 60 * MINUTE for one in month(LEAK).warnings)


@pytest.mark.slow
def test_bursts_are_no_alert() -> None:
    """A month of healthy bursts, deploys and crashes raises nothing."""
    assert not any(one.raised for one in (*month(BURSTS).pages, *month(BURSTS).warnings))


def test_the_burns_are_those_of_the_rules() -> None:
    """What is simulated as Sidelight has the generator's windows, factors, floors and waits."""
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
    assert burn_rate.MIN_FAILED == FEW
    assert MIN_BAD_EVENTS == 10


def test_pyrras_windows_are_scaled_as_it_scales_them() -> None:
    """For 30 days Pyrra's hour is 64 minutes, its four days 4 d 6 h 51 min, and so on."""
    minutes = [(one.long // MINUTE, one.short // MINUTE, one.hold // MINUTE) for one in PYRRA]
    assert minutes == [(64, 5, 2), (386, 32, 16), (1543, 129, 64), (6171, 386, 193)]
