"""Panels show the same numbers, however Prometheus stores histograms."""

import re
from collections import Counter
from functools import cache

import pytest

from sidelight.contract import METRICS
from sidelight.embedded.promql.float_histogram import FloatHistogram
from sidelight.histogram_queries import without_native
from sidelight.slo import names
from tests.dashboards.querying import all_queries
from tests.dashboards.reading import PanelQuery, sent
from tests.dashboards.stored_world import Stored, evaluated, service
from tests.slo.stored_histograms import FAST, MIDDLE, SLOW

HISTOGRAMS = [name for name, one in METRICS.items() if one.kind in {"histogram", "summary"}]
READS = re.compile(rf"\b({'|'.join(HISTOGRAMS)})(_count|_sum|_bucket)?\b")
BEFORE = re.compile(r" offset \d+[dw]\b")
"""Of a day ago there are no samples, and of ten years ago there never are."""
QUANTILE = re.compile(r"histogram_quantile\((0\.\d+)")
EXACT = {"0.5": FAST, "0.50": FAST, "0.95": MIDDLE, "0.99": SLOW}
BUCKET = 2 ** (1 / 8)
"""The ratio of the ends of a native bucket."""
QUERIES = {
    str(one): one for one in all_queries() if READS.search(one.expr) and not BEFORE.search(one.expr)
}
QUANTILES = [name for name, one in QUERIES.items() if QUANTILE.search(one.expr)]
HEATMAPS = [name for name, one in QUERIES.items() if one.target.get("format") == "heatmap"]
OTHERS = sorted(QUERIES.keys() - {*QUANTILES, *HEATMAPS})
WITHOUT = {
    "sidelight-route: Duration of 5xx responses A",
    "sidelight-service: Instances furthest from the median E",
    "sidelight-service: Releases D",
    "sidelight-service: Routes by share of time E",
}
"""Panels that also need other series, which the service does not have."""
ALIKE: tuple[Stored, ...] = (("native",), ("both",), ("nhcb",))
MIXED: tuple[Stored, ...] = (("classic", "native"), ("classic", "nhcb"), ("both", "classic"))
samples = cache(service)


def answer(name: str, storages: Stored) -> dict[frozenset[tuple[str, str]], object]:
    """What a query of a panel has of a service whose instances are stored in these ways."""
    return dict(evaluated(asked(QUERIES[name]), samples(storages)))


def asked(one: PanelQuery) -> str:
    return sent(one.expr, __rate_interval="5m")


def test_each_kind_of_panel_is_here() -> None:
    """There are panels of percentiles, of buckets, and of counts and means."""
    assert len(QUANTILES) > 15
    assert len(HEATMAPS) == 3
    assert len(OTHERS) > 20


@pytest.mark.parametrize("name", OTHERS)
def test_counts_and_means_are_the_same(name: str) -> None:
    """A panel has the values that it has of classic histograms, of one target and of two kinds."""
    same: tuple[tuple[Stored, tuple[Stored, ...]], ...]
    same = (("classic",), ALIKE), (("classic", "classic"), MIXED)
    for classic, others in same:
        expected = answer(name, classic)
        assert bool(expected) == (name not in WITHOUT)
        for storages in others:
            assert answer(name, storages) == pytest.approx(expected, rel=1e-9), storages


@pytest.mark.parametrize("name", QUANTILES)
def test_percentiles_are_the_better_ones(name: str) -> None:
    """A native percentile is within its bucket of 9 %; one of NHCB is the classic one."""
    share = QUANTILE.search(QUERIES[name].expr)
    assert share
    classic = answer(name, ("classic",))
    assert classic
    assert answer(name, ("nhcb",)) == pytest.approx(classic, rel=1e-9)
    for storages in (("native",), ("both",), ("classic", "native"), ("both", "classic")):
        found = answer(name, storages)
        assert found.keys() == classic.keys()
        for value in found.values():
            assert isinstance(value, float)
            assert 1 / BUCKET < value / EXACT[share[1]] <= BUCKET, storages


@pytest.mark.parametrize("name", HEATMAPS)
def test_heatmaps_have_every_observation(name: str) -> None:
    """A heatmap has the buckets, or one histogram with as many observations."""
    classic = answer(name, ("classic",))
    assert {dict(labels)["le"] for labels in classic} == {"0.3", "1.0", "+Inf"}
    count = classic[frozenset({("le", "+Inf")})]
    for storages in ALIKE:
        ((labels, found),) = answer(name, storages).items()
        assert labels == frozenset()
        assert isinstance(found, FloatHistogram)
        assert found.count == pytest.approx(count, rel=1e-9)


@pytest.mark.parametrize("name", OTHERS)
def test_classic_dashboards_have_the_values_of_classic_histograms(name: str) -> None:
    """Without functions of native histograms, a panel has what it has of a classic histogram."""
    text = without_native(asked(QUERIES[name]))
    assert evaluated(text, samples(("both",))) == evaluated(text, samples(("classic",)))
    assert dict(evaluated(text, samples(("classic",)))) == answer(name, ("classic",))


def test_no_panel_reads_classic_histograms_only() -> None:
    """Where a query reads a series of a classic histogram, it reads the native one as often."""
    pairs = {
        names.ROUTE_LE: names.ROUTE_DURATIONS,
        names.SERVICE_LE: names.SERVICE_DURATIONS,
    }
    for one in all_queries():
        for classic, native in pairs.items():
            assert one.expr.count(classic) == one.expr.count(native), str(one)
        read = Counter((family, bool(suffix)) for family, suffix in re.findall(_RAW, one.expr))
        assert all(read[family, False] == count for (family, old), count in read.items() if old)


_RAW = (
    rf"(?<!:)\b({'|'.join(name for name in HISTOGRAMS if METRICS[name].kind == 'histogram')})"
    r"(_count|_sum|_bucket)?\{"
)
