"""A Prometheus has the same numbers for dashboards, however it stores histograms.

It scrapes one page in four jobs: as classic, as native, as both, and converted (NHCB).
"""

import time
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from sidelight.contract import DURATION_BUCKETS
from tests.dashboards.comparing import LONG, Values, answer, check_same
from tests.dashboards.growing_protobuf import CLASSIC, growing_protobuf
from tests.dashboards.querying import all_queries, get
from tests.dashboards.reading import PanelQuery, sent
from tests.dashboards.stack import OBJECTIVES, rules_file
from tests.dashboards.steady import used_shop
from tests.dashboards.test_live_fed import FULL, OWN, SCALE, WINDOWS, WITHIN
from tests.export.accept_headers import PROTOBUF
from tests.live.newer import newer
from tests.live.prometheus import prometheus, query
from tests.live.servers import eventually
from tests.live.sidecars import fetch
from tests.marks import slow_live

pytestmark = slow_live(600, "stored")

JOBS: Final[dict[str, dict[str, object]]] = {
    "classic": {"metrics_path": CLASSIC},
    "native": {},
    "both": {"always_scrape_classic_histograms": True},
    "nhcb": {"metrics_path": CLASSIC, "convert_classic_histograms_to_nhcb": True},
}
OTHERS = [job for job in JOBS if job != "classic"]
DURATION = "http_server_request_duration_seconds"
STORED = {
    "classic": {f"{DURATION}_bucket"},
    "native": {DURATION},
    "both": {f"{DURATION}_bucket", DURATION},
    "nhcb": {DURATION},
}
QUANTILE = "histogram_quantile("
BUCKETS = r"(route|service)(_le)?:http_server_request_duration_seconds(_bucket)?:rate5m"
BUCKET = 2 ** (1 / 8)
"""The ratio of the ends of a native bucket."""
EDGES = sorted({0.0, *DURATION_BUCKETS, 0.01, 0.3})
"""The default boundaries, and the objectives of the shop."""
EXACT = 1e-6
"""Of a ratio of series of one scrape, which are all of one time."""


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Prometheus whose windows are full of all four."""
    where = tmp_path_factory.mktemp("stored")
    (where / "sidelight.toml").write_text(OBJECTIVES)
    with used_shop(where, SIDELIGHT_NATIVE_HISTOGRAMS="1") as sidecar:
        page = fetch(sidecar, "/metrics", {"Accept": PROTOBUF}).body
    with growing_protobuf(page) as target:
        scrape = {"static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
        config = {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
            "scrape_configs": [{"job_name": job, **scrape, **of} for job, of in JOBS.items()],
            "rule_files": [str(rules_file(where, job, SCALE)) for job in JOBS],
        }
        native = "--enable-feature=native-histograms"
        text, program = yaml.safe_dump(config), newer("prometheus")
        with prometheus(text, where, native, program=program) as found:
            left = f"slo:error_budget_left:ratio and on () up offset {FULL}s"
            eventually(lambda: len(query(found, left)) == 4 * len(JOBS), 240)
            yield found


def of_job(port: int, each: PanelQuery, job: str, at: float) -> Values:
    """The values of a query that is asked for one job, without the job."""
    expr, instant = sent(each.expr, job=job, **WINDOWS), bool(each.target["instant"])
    return without_job(answer(port, expr, at, instant=instant))


def without_job(values: Values) -> Values:
    return {frozenset(one for one in key if one[0] != "job"): v for key, v in values.items()}


def comparable() -> list[PanelQuery]:
    """The queries whose values are numbers, and not those of the scrapes themselves."""
    return [
        each
        for each in all_queries()
        if not LONG.search(each.expr)
        and not OWN.search(each.expr)
        and each.target.get("format") != "heatmap"
    ]


def test_each_job_has_its_kind(port: int) -> None:
    """What is stored of the durations of requests is what the job is about."""
    for job, expected in STORED.items():
        assert names(port, f"{DURATION}(_bucket)?", job) == expected


def names(port: int, pattern: str, job: str) -> set[str]:
    """The names of the series of a job that match a pattern."""
    found = query(port, f'group by (__name__) ({{__name__=~"{pattern}",job="{job}"}})')
    return {one["metric"]["__name__"] for one in found}


@pytest.mark.parametrize("job", OTHERS)
def test_counts_and_means(port: int, job: str) -> None:
    """Each query that is of no percentile has the values that it has of classic histograms."""
    at, answered = time.time() - 3, 0
    for each in comparable():
        if QUANTILE not in each.expr:
            expected = of_job(port, each, "classic", at)
            answered += bool(expected)
            check_same(expected, of_job(port, each, job, at), each, WITHIN)
    assert answered > 100


@pytest.mark.parametrize("job", OTHERS)
def test_percentiles(port: int, job: str) -> None:
    """NHCB has the percentiles of classic histograms; a native one is in the same bucket."""
    at, answered = time.time() - 3, 0
    for each in comparable():
        if QUANTILE in each.expr:
            expected, found = (of_job(port, each, name, at) for name in ("classic", job))
            assert found.keys() == expected.keys(), each
            answered += bool(expected)
            for key, value in found.items():
                if job == "nhcb":
                    assert value == pytest.approx(expected[key], rel=EXACT), each
                else:
                    check_near(expected[key], value, each)
    assert answered > 10


def check_near(classic: float, native: float, of: PanelQuery) -> None:
    """Both are in one classic bucket, but for the native one that has its boundary in it."""
    place = bisect_left(EDGES, classic * (1 - EXACT))
    assert EDGES[max(place - 1, 0)] / BUCKET <= native, of
    assert place >= len(EDGES) - 1 or native <= EDGES[place] * BUCKET, of


@pytest.mark.parametrize("job", OTHERS)
def test_heatmaps(port: int, job: str) -> None:
    """A heatmap has as many observations, in one native histogram where there is one."""
    at = time.time() - 3
    boards = [one for one in all_queries() if one.target.get("format") == "heatmap"]
    drawn = [one for one in boards if not one.target["exemplar"]]
    for each in drawn:
        expected, found = (heatmap_rows(port, each, name, at) for name in ("classic", job))
        assert count_of(found) == pytest.approx(count_of(expected), rel=WITHIN), each
        # The lag of event loops has few boundaries, and no native buckets.
        native = job == "nhcb" or "loop_lag" not in each.expr
        assert ["histogram" in row for row in found].count(True) == native, each
    assert len(drawn) == 3


def heatmap_rows(port: int, each: PanelQuery, job: str, at: float) -> list[dict[str, Any]]:
    """What a heatmap is drawn from, at a time."""
    text = sent(each.expr, job=job, **WINDOWS)
    found: list[dict[str, Any]] = get(port, "query", query=text, time=str(at))["data"]["result"]
    return found


def count_of(rows: list[dict[str, Any]]) -> float:
    """The observations in a native histogram, or below the last boundary."""
    if "histogram" in rows[0]:
        return float(rows[0]["histogram"][1]["count"])
    return max(float(row["value"][1]) for row in rows)


@pytest.mark.parametrize("job", OTHERS)
def test_what_is_recorded(port: int, job: str) -> None:
    """All recorded series but those of buckets are the same."""
    at = time.time() - 3
    expected, found = (recorded(port, one, at) for one in ("classic", job))
    assert len(expected) > 300
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=WITHIN)


def recorded(port: int, job: str, at: float) -> Values:
    """The recorded series of short windows that are numbers, without the job."""
    series = f'{{__name__=~".+:.+",__name__!~"{BUCKETS}",job="{job}"}}'
    found = without_job(answer(port, series, at))
    return {key: value for key, value in found.items() if not LONG.match(dict(key)["__name__"])}


def test_what_is_recorded_for_percentiles(port: int) -> None:
    """Each kind of histogram is recorded where it is stored, by service and by route."""
    for job, kinds in STORED.items():
        levels = {name.replace("_le", "") for name in names(port, BUCKETS, job)}
        assert levels == {f"{of}:{kind}:rate5m" for of in ("route", "service") for kind in kinds}
