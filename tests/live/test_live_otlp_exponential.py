"""A real receiver of OTLP reads exponential histograms as they are meant.

VictoriaMetrics keeps a series for each bucket, whose label has the bounds that it computed.
"""

from collections import Counter
from pathlib import Path

import pytest

pytest.importorskip("opentelemetry.exporter.otlp.proto.http")

from sidelight.contract import DURATION, DURATION_BUCKETS, NANOSECONDS
from sidelight.contract.native_buckets import ZERO_THRESHOLD
from sidelight.otlp.exporter import OtlpExporter
from tests.export.otlp_service import data_of
from tests.live.prometheus import query
from tests.live.servers import eventually
from tests.live.victoria_metrics import OTLP_PATH, victoria_metrics
from tests.store.driving import killed, shared
from tests.store.pages import Reader
from tests.store.test_store_both_views import filled

pytestmark = [pytest.mark.live, pytest.mark.newest, pytest.mark.slow]

MILLISECOND = NANOSECONDS // 1000
OBSERVED = {
    20_000: (-ZERO_THRESHOLD, ZERO_THRESHOLD),
    3 * MILLISECOND: (2 ** (-68 / 8), 2 ** (-67 / 8)),
    NANOSECONDS // 2: (2 ** (-9 / 8), 0.5),
    NANOSECONDS // 2 + 1: (0.5, 2 ** (-7 / 8)),
    NANOSECONDS: (2 ** (-1 / 8), 1.0),
    100 * NANOSECONDS: (2 ** (53 / 8), 2 ** (54 / 8)),
}
"""Durations, and the bounds of the bucket that each is in."""


def ranges(store: int) -> Counter[tuple[float, float]]:
    """The buckets that have counts, by the bounds that the receiver computed."""
    found: Counter[tuple[float, float]] = Counter()
    for row in query(store, f"{DURATION.name}_bucket"):
        low, high = map(float, row["metric"]["vmrange"].split("..."))
        found[low, high] += int(row["value"][1])
    return found


def test_each_bucket_has_the_bounds_that_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The receiver has each duration between its bounds, all counts and the sum; then they end."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2")
    where = shared(tmp_path / "store")
    file = filled(where, DURATION_BUCKETS, [*OBSERVED, *OBSERVED])
    data = data_of(Reader(where).snapshot(), exponential=True)
    with victoria_metrics(tmp_path) as store:
        eventually(lambda: query(store, "vector(1)"))
        exporter = OtlpExporter(f"http://127.0.0.1:{store}{OTLP_PATH}")
        exporter.offer(data)
        eventually(lambda: query(store, f"{DURATION.name}_count"))
        (number,), (total,) = (query(store, DURATION.name + end) for end in ("_count", "_sum"))
        assert int(number["value"][1]) == 2 * len(OBSERVED)
        assert float(total["value"][1]) == pytest.approx(2 * sum(OBSERVED) / NANOSECONDS)
        found = ranges(store)
        assert set(found.values()) == {2}
        wanted = [pytest.approx(bounds, rel=1e-3) for bounds in OBSERVED.values()]
        assert sorted(found) == wanted
        exporter.close()
        eventually(lambda: not query(store, f'{{__name__=~"{DURATION.name}.*"}}'))
    killed(file)
    where.close()
