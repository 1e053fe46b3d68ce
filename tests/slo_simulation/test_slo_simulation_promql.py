"""``benchmarks.objectives.promql`` against promtool, on an hour or two."""

from pathlib import Path
from random import Random

import pytest
import yaml

from benchmarks.objectives.clock import EVERY, STEP
from benchmarks.objectives.counters import Counter
from benchmarks.objectives.promql import divided, rate_at, rates, sum_of_rates, sum_over_time
from tests.deploy.artefacts import run

# Samples fall 10 seconds before an evaluation, so that no window's edge meets one: there
# Prometheus 2 and 3 differ. They differ, too, where a series is younger than its window and its
# line backwards meets 0 between half an interval and 1.1 intervals before it: no series here does.
APART = 10
MINUTES = 150
WINDOWS = (300, 1800, 3600)


def counter(begin: int, *values: int) -> Counter:
    """A series whose first sample is the ``begin``-th scrape."""
    return Counter(EVERY * begin - APART, values)


def random_counter() -> Counter:
    """A series with bursts, long rests and two resets."""
    chance, value, values = Random("promql"), 0, []  # noqa: S311 made-up values are no cryptography
    for n in range(2 * MINUTES):
        value = 0 if n in {90, 91, 200} else value + chance.choice((0, 0, 0, 1, 40))
        values.append(value)
    return counter(0, *values)


SERIES = {
    "random": random_counter(),
    "still": counter(0, *[3] * 2 * MINUTES),
    "born_at_zero": counter(41, *[0] * 20, *[1] * 100),
    "born_at_seven": counter(30, *range(7, 190)),
    "dies": counter(0, *range(0, 500, 5)),
    "reset_to_more": counter(7, 1, 9, 30, 2, 2, 80, *[80] * 40),
}


def checked(folder: Path, *, rules: list[dict[str, str]], tests: list[dict[str, object]]) -> None:
    """Let promtool have the same samples, and hold the tests against them."""
    inputs = [
        {
            "series": name,
            "values": " ".join(
                ["_"] * (round(one.first + APART) // EVERY) + [*map(str, one.values)]
            ),
        }
        for name, one in SERIES.items()
    ]
    groups = {"groups": [{"name": "simulated", "interval": f"{STEP}s", "rules": rules}]}
    (folder / "rules.yml").write_text(yaml.safe_dump(groups))
    file = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": f"{STEP}s",
        "tests": [
            {"interval": f"{EVERY}s", "input_series": inputs, "promql_expr_test": tests},
        ],
    }
    (folder / "tests.yml").write_text(yaml.safe_dump(file))
    run("promtool", "test", "rules", "tests.yml", package="Debian: prometheus", where=folder)


def claim(expression: str, time: int, expected: float) -> dict[str, object]:
    """A test of promtool that holds where the figures agree to nine digits."""
    return {
        "expr": f"abs(({expression}) - {expected!r}) <= bool {abs(expected) * 1e-9 + 1e-15!r}",
        "eval_time": f"{time}s",
        "exp_samples": [{"labels": "{}", "value": 1}],
    }


def test_rate_is_that_of_prometheus(tmp_path: Path) -> None:
    """Births, deaths, resets and rests: ``rate`` is what promtool says, or absent."""
    tests = []
    for name, series in SERIES.items():
        for window in WINDOWS:
            begin, found = rates(series, window, steps=MINUTES)
            for n in range(0, MINUTES, 4):
                query, time = f"rate({name}[{window}s])", (n + 1) * STEP + APART
                if begin <= n < begin + len(found):
                    tests.append(claim(query, time, found[n - begin]))
                else:
                    tests.append({"expr": query, "eval_time": f"{time}s", "exp_samples": []})
    checked(tmp_path, rules=[], tests=tests)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("name", SERIES)
def test_the_short_way_is_the_long_way(name: str, window: int) -> None:
    """The rates of a whole month are, one by one, the rate at that time."""
    begin, found = rates(SERIES[name], window)
    alone = [
        rate_at(SERIES[name], (n + 1) * STEP, window) for n in range(begin, begin + len(found))
    ]
    assert found == pytest.approx(alone, rel=1e-12)


def test_sums_of_recorded_rates_are_those_of_prometheus(tmp_path: Path) -> None:
    """A recorded rate, summed over an hour, is what promtool's rule and query give."""
    rules = [{"record": "recorded", "expr": f"rate(random[5m] offset -{APART}s)"}]
    summed = sum_over_time(sum_of_rates([SERIES["random"]], 300), 3600)
    tests = []
    for n in (10, 59, 60, 61, 120):
        expected = summed[n]
        assert expected is not None
        tests.append(claim("sum_over_time(recorded[1h])", (n + 1) * STEP + APART, expected))
    checked(tmp_path, rules=rules, tests=tests)


def test_a_mean_of_ratios_is_nan_after_one_empty_window(tmp_path: Path) -> None:
    """Five minutes without a request make the mean of recorded ratios NaN, in promtool as here."""
    rate = f"rate(born_at_zero[5m] offset -{APART}s)"  # rests, rises once, rests
    rules = [{"record": "ratio", "expr": f"{rate} / {rate}"}]
    mean = "sum_over_time(ratio[1h]) / count_over_time(ratio[1h])"
    tests: list[dict[str, object]] = [
        {
            "expr": f"({mean}) == bool ({mean})",
            "eval_time": f"{60 * STEP + APART}s",
            "exp_samples": [{"labels": "{}", "value": 0}],
        },
        {  # where it rose, the ratio is a number
            "expr": "max_over_time(ratio[1h])",
            "eval_time": f"{60 * STEP + APART}s",
            "exp_samples": [{"labels": "{}", "value": 1}],
        },
    ]
    checked(tmp_path, rules=rules, tests=tests)
    (nothing,) = divided([0.0], [0.0])
    assert nothing is not None
    assert nothing != nothing  # noqa: PLR0124 (NaN)
