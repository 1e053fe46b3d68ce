"""The same traffic has the same answers, however Prometheus stores histograms."""

import re
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, Final, get_args

import pytest

from sidelight.embedded.promql.engine import Vector, instant_query
from sidelight.histogram_queries import DURATION
from sidelight.why.diagnosis import ALL_QUESTIONS, diagnose
from sidelight.why.scope import Scope
from sidelight.why.source import Labels, LoadedAlerts, Sample, SourceError
from tests.embedded.promql.conformance.loaded_series import LoadedSeries
from tests.embedded.promql.conformance.script import Load
from tests.embedded.promql.conformance.series_line import series_line
from tests.slo.stored_histograms import Counts, Storage, stored

MINUTE = 60_000
CHANGES, NOW = 40, 70
"""Minutes after which the traffic becomes slow, and after which the questions are asked."""
SCOPE = Scope("", 300.0, NOW * 60.0)
ROUTE = 'job="shop",instance="{}",http_request_method="GET",http_route="/"'
UPSTREAM = 'server_address="api",server_port="443"'
FAST, SLOW, NONE = (60, 10, 0), (50, 10, 20), (0, 0, 0)
"""Responses a minute."""
HISTOGRAMS: tuple[tuple[str, str, Counts], ...] = (
    (DURATION, f'{ROUTE},http_response_status_code="200",error_type=""', SLOW),
    (DURATION, f'{ROUTE},http_response_status_code="500",error_type="500"', SLOW),
    (DURATION, f'{ROUTE},http_response_status_code="",error_type="incomplete_response"', SLOW),
    (DURATION, 'job="gone",instance="{}",http_route="/"', NONE),
    ("fastapi_request_queue_seconds", ROUTE, SLOW),
    ("fastapi_request_phase_duration_seconds", f'{ROUTE},phase="thread_wait"', SLOW),
    ("fastapi_dependency_duration_seconds", f'{ROUTE},dependency="db",step="setup"', SLOW),
    ("http_client_request_duration_seconds", f'{ROUTE},{UPSTREAM},error_type=""', SLOW),
    ("http_client_request_duration_seconds", f'{ROUTE},{UPSTREAM},error_type="500"', SLOW),
)
"""The family and the labels of each; and the responses a minute at the end, after fast ones."""
OTHERS = (
    ("fastapi_active_requests", ROUTE),
    ("target_info", 'job="shop",instance="{}",service_version="2.0"'),
    ("sidelight_workers", 'job="shop",instance="{}"'),
)
P99: Final = 2 ** ((15 + (0.99 * 80 - 60) / 20) / 8)
"""Of the 80 responses of a minute, the last 20 are in the native bucket from 2^(15/8) s to 4 s."""
READ: Final = sorted(
    name
    for name, text in ALL_QUESTIONS.items()
    if Scope("", 300, 0).render(text) != Scope("", 300, 0, native=False).render(text)
)
"""The questions that read a histogram."""


class Evaluated:
    """A source whose instances ``a`` and ``b`` have their histograms stored in these ways."""

    def __init__(self, first: Storage, second: Storage, *, native: bool = True) -> None:
        self.native, self.refused = native, list[str]()
        lines = []
        for instance, storage in (("a", first), ("b", second)):
            lines += [f"{name}{{{of.format(instance)}}} 1x{NOW}" for name, of in OTHERS]
            for family, labels, later in HISTOGRAMS:
                lines += rising(storage, family, labels.format(instance), later)
        self.samples = LoadedSeries()
        self.samples.add(Load(MINUTE, [series_line(one) for one in lines], False))

    def query(self, expr: str, at: float) -> list[Sample]:
        if "histogram_count" in expr and not self.native:
            self.refused.append(expr)
            raise SourceError("unknown function histogram_count")
        found = instant_query(expr, self.samples, round(at * 1000))
        assert isinstance(found, Vector)
        values = found.values.tolist()
        return [Sample(dict(one), v) for one, v in zip(found.labels, values, strict=True)]

    def times(self, expr: str, labels: Labels, period: tuple[float, float, float]) -> list[float]:
        return []

    def alerts(self, names: Collection[str]) -> LoadedAlerts:
        return LoadedAlerts(None, [])

    def answers(self, name: str, scope: Scope = SCOPE) -> dict[tuple[tuple[str, str], ...], float]:
        """The rounded values by their labels."""
        found = self.query(scope.render(ALL_QUESTIONS[name]), scope.now)
        return {tuple(sorted(one.labels.items())): round(one.value, 6) for one in found}


def rising(storage: Storage, family: str, labels: str, later: Counts) -> Iterator[str]:
    """The series of a histogram: fast responses, and later others."""
    before = scaled(FAST, CHANGES)
    for name, value in stored(storage, family, labels):
        first = f"{value(NONE)}+{value(FAST)}x{CHANGES - 1}"
        yield f"{name} {first} {value(before)}+{value(later)}x{NOW - CHANGES}"


def scaled(counts: Counts, times: int) -> Counts:
    fast, middle, slow = counts
    return fast * times, middle * times, slow * times


def figures(report: dict[str, Any]) -> dict[tuple[str, str], float | None]:
    """What was checked, by the service and the name."""
    return {(one["service"], one["name"]): one["value"] for one in report["checked"]}


SAME: tuple[tuple[Storage, Storage], ...] = (
    ("native", "native"),
    ("both", "both"),
    ("nhcb", "nhcb"),
    ("classic", "native"),
    ("nhcb", "both"),
)


@pytest.fixture(scope="module")
def classic() -> Evaluated:
    """The source that has what Prometheus has always had."""
    return Evaluated("classic", "classic")


@pytest.mark.parametrize(("first", "second"), SAME)
def test_counts_and_times_are_the_same(first: Storage, second: Storage, classic: Evaluated) -> None:
    """Each question but that of the percentile has the values of classic histograms."""
    source = Evaluated(first, second)
    names = [name for name in READ if name != "p99"]
    expected = {name: classic.answers(name) for name in names}
    assert {name for name in names if not expected[name]} == set()
    assert {name: source.answers(name) for name in names} == expected


@pytest.mark.parametrize(
    ("storage", "seconds"),
    [("classic", 1.0), ("nhcb", 1.0), ("native", P99), ("both", P99)],
)
def test_the_percentile_is_the_better_one(storage: Storage, seconds: float) -> None:
    """Of a classic histogram it is the last boundary; a native one has a bucket around 4 s."""
    found = Evaluated(storage, storage).answers("p99")
    assert found[("job", "shop"),] == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("storage", get_args(Storage))
def test_what_is_wrong_is_said(storage: Storage) -> None:
    """Two thirds of the requests fail, and the route is named."""
    report = diagnose(Evaluated(storage, storage), SCOPE).to_dict()
    cause = next(one for one in report["causes"] if one["kind"] == "errors")
    assert cause["route"] == "/"
    assert figures(report)["shop", "requests"] == 8.0
    assert figures(report)["shop", "failed requests"] == pytest.approx(2 / 3)


def test_an_engine_without_native_histograms_is_asked_for_classic_ones() -> None:
    """MetricsQL has no such functions: one query finds that out, and none is refused later."""
    source = Evaluated("both", "both", native=False)
    report = diagnose(source, SCOPE).to_dict()
    assert source.refused == ["histogram_count(vector(0))"]
    classic = diagnose(Evaluated("classic", "classic"), SCOPE).to_dict()
    assert figures(report) == figures(classic)


@pytest.mark.parametrize("name", ALL_QUESTIONS)
def test_no_question_reads_classic_histograms_only(name: str) -> None:
    """Where a question reads a series of a classic histogram, it reads the native one too."""
    text = SCOPE.render(ALL_QUESTIONS[name])
    classic = Counter(re.findall(r"\b(\w+)_(?:count|sum|bucket)\b(?!\()", text))
    native = {family: len(re.findall(rf"\b{family}\b", text)) for family in classic}
    assert native == classic


def test_the_same_question_of_a_classic_engine() -> None:
    """Without the functions, a question is what it was before there were native histograms."""
    old = Scope("", 300.0, 0, native=False)
    assert old.render(ALL_QUESTIONS["requests"]) == (f"sum by (job) (rate({DURATION}_count[5m]))")
