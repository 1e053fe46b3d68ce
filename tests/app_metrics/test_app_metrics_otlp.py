"""The application's own prometheus_client metrics in OpenTelemetry's model."""

import math
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics

from sidelight.app_metrics.families import AppFamily
from sidelight.export.snapshot import Snapshot
from tests.app_metrics import example_metrics
from tests.export.otlp_service import data_of, page_of, service, snapshot_of
from tests.export.otlp_translation import kind_of, samples
from tests.live.otlp_receiver import Received, attributes, points

client = pytest.importorskip("prometheus_client")
core = pytest.importorskip("prometheus_client.core")
SKIPPED = "sidelight.families_skipped"
INF = "+Inf"


def wire(snapshot: Snapshot) -> dict[str, Any]:
    """Metrics by name, as the SDK puts them on the wire."""
    request = encode_metrics(data_of(snapshot))
    return Received("", {}, type(request).FromString(request.SerializeToString())).metrics


def family(name: str, kind: str, samples: dict[Any, float], unit: str = "") -> AppFamily:
    return AppFamily(name, kind, "Help.", unit, "", dict(samples))


def of(*families: AppFamily) -> dict[str, Any]:
    return wire(Snapshot(app_families={each.name: each for each in families}, started=1))


def bucket(le: str, *labels: tuple[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    return "_bucket", (*labels, ("le", le))


def fill(registry: Any) -> None:
    example_metrics.fill(registry)
    client.Counter("work_seconds", "Work.", unit="seconds", registry=registry).inc(2)
    client.Gauge("share_ratio", "Share.", unit="ratio", registry=registry).set(0.5)


def test_all_kinds_translate_back(registry: Any) -> None:
    """Each sample of the page comes back under its name, with its labels and its value."""
    fill(registry)
    snapshot = snapshot_of(service())
    found = samples(wire(snapshot).values())
    page = {
        (name, frozenset(pair for pair in labels if pair[1])): value
        for (name, labels), value in page_of(snapshot).samples.items()
        if name != "target_info"
    }
    more = {key for key in found if key[0] == "wait_seconds_bucket"}
    assert {key: value for key, value in found.items() if key not in more} == page
    assert len(more) == 1


def test_kinds_and_units(registry: Any) -> None:
    """Counters are sums that never fall, histograms and summaries histograms, the rest gauges."""
    fill(registry)
    received = wire(snapshot_of(service()))
    kinds = {name: kind_of(received[name]) for name in received if "." not in name}
    gauge, histogram = ("gauge", False), ("histogram", False)
    assert kinds == {
        "orders": ("sum", True),
        "work_seconds": ("sum", True),
        "plain": ("sum", True),
        "stock": gauge,
        "share_ratio": gauge,
        "endless": gauge,
        "size_bytes": histogram,
        "wait_seconds": histogram,
        "shop_info": gauge,
        "shop_state": gauge,
    }
    units = {name: received[name].unit for name in kinds if received[name].unit}
    assert units == {
        "work_seconds": "s",
        "share_ratio": "{ratio}",
        "size_bytes": "By",
        "wait_seconds": "s",
    }
    assert received["orders"].description == "Orders."
    assert SKIPPED not in received


def test_a_histogram(registry: Any) -> None:
    """Boundaries are the histogram's own, and counts are each bucket's alone."""
    fill(registry)
    (point,) = points(wire(snapshot_of(service()))["size_bytes"])
    assert list(point.explicit_bounds) == [1.0, 2.5]
    assert list(point.bucket_counts) == [1, 1, 1]
    assert (point.count, point.sum, attributes(point)) == (3, 11.5, {"kind": "k"})


def test_a_summary(registry: Any) -> None:
    """A summary is a histogram of one bucket; quantiles of a custom collector are a gauge."""
    family_ = family(
        "wait_seconds",
        "summary",
        {
            ("", (("quantile", "0.5"),)): 1.5,
            ("_count", ()): 2.0,
            ("_sum", ()): 3.0,
        },
        "seconds",
    )
    received = of(family_)
    (point,) = points(received["wait_seconds"])
    assert (list(point.bucket_counts), point.sum) == ([2], 3.0)
    (point,) = points(received["wait_seconds_quantile"])
    assert (point.as_double, attributes(point)) == (1.5, {"quantile": "0.5"})
    assert SKIPPED not in received


def test_a_gauge_histogram_may_fall(registry: Any) -> None:
    """A gauge histogram is a gauge of each of its samples, as none of them must rise."""
    ages = core.GaugeHistogramMetricFamily(
        "ages", "A.", buckets=[("1.0", 2), (INF, 3)], gsum_value=7
    )

    class Own:
        def collect(self) -> Any:
            yield ages

        def describe(self) -> Any:
            return []

    registry.register(Own())
    received = wire(snapshot_of(service()))
    assert samples([received[name] for name in ("ages_bucket", "ages_gcount", "ages_gsum")]) == {
        ("ages_bucket", frozenset({("le", "1.0")})): 2,
        ("ages_bucket", frozenset({("le", INF)})): 3,
        ("ages_gcount", frozenset()): 3,
        ("ages_gsum", frozenset()): 7,
    }


def test_a_histogram_without_a_sum() -> None:
    """Where the application has no sum, none is made up."""
    (point,) = points(of(family("x", "histogram", {bucket("1"): 1.0, bucket(INF): 1.0}))["x"])
    assert (point.count, point.HasField("sum")) == (1, False)


@pytest.mark.parametrize(
    "broken",
    [
        {bucket("1"): 2.0, bucket(INF): 1.0},
        {bucket("1"): 0.5, bucket(INF): 1.0},
        {bucket("1"): 1.0},
        {bucket("one"): 1.0, bucket(INF): 1.0},
        {bucket("NaN"): 1.0, bucket(INF): 1.0},
        {bucket("1"): 1.0, bucket("1.0"): 1.0, bucket(INF): 1.0},
        {bucket("1"): math.nan, bucket(INF): 1.0},
        {bucket(INF): math.inf},
        {("_bucket", ()): 1.0},
        {("_sum", ()): 1.0},
    ],
    ids=range(10),
)
def test_histograms_that_are_none(broken: dict[Any, float]) -> None:
    """A histogram with no place in the model costs itself, is counted, and others stay."""
    good = {bucket("1", ("a", "b")): 1.0, bucket(INF, ("a", "b")): 2.0}
    received = of(family("x", "histogram", {**broken, **good}), family("y", "gauge", {("", ()): 1}))
    (point,) = points(received["x"])
    assert attributes(point) == {"a": "b"}
    (counted,) = points(received[SKIPPED])
    assert (counted.as_int, attributes(counted)) == (1, {"reason": "not_in_otlp"})
    assert "y" in received


@pytest.mark.parametrize(
    ("kind", "suffix"), [("counter", ""), ("gauge", "_total"), ("strange", ""), ("info", "")]
)
def test_what_no_kind_has_is_counted(kind: str, suffix: str) -> None:
    """A sample that its kind can't have is left out, and counted."""
    received = of(family("x", kind, {(suffix, ()): 1.0}))
    assert received.keys() == {SKIPPED}
    (counted,) = points(received[SKIPPED])
    assert counted.as_int == 1


def test_exemplars() -> None:
    """Exemplars keep trace, span, value and time; what else they name stays beside them."""
    counted = family("orders", "counter", {("_total", ()): 3.0})
    ids = ("trace_id", "ab" * 16), ("span_id", "cd" * 8)
    counted.exemplars["_total", ()] = ((*ids, ("user", "x")), 1.0, 1_700_000_000.25)
    sizes = family("size", "histogram", {bucket("1"): 1.0, bucket(INF): 2.0})
    sizes.exemplars[bucket("1")] = ((("trace_id", "short"),), 0.5, None)
    received = of(counted, sizes)
    (found,) = points(received["orders"])[0].exemplars
    assert (found.trace_id, found.span_id) == (b"\xab" * 16, b"\xcd" * 8)
    assert (found.as_double, found.time_unix_nano) == (1.0, 1_700_000_000_250_000_000)
    assert [(pair.key, pair.value.string_value) for pair in found.filtered_attributes] == [
        ("user", "x")
    ]
    (found,) = points(received["size"])[0].exemplars
    assert (found.trace_id, found.time_unix_nano, found.as_double) == (b"", 0, 0.5)
    assert found.filtered_attributes[0].value.string_value == "short"


def test_text_that_is_none() -> None:
    """Broken text in a name, a help text, a label or an exemplar costs nothing else."""
    broken = AppFamily(
        "n\udcff", "gauge", "h\udcff", "u\udcff", "", {("", (("l\udcff", "v\udcff"),)): 1.0}
    )
    (found,) = of(broken).values()
    assert (found.name, found.description) == ("n\\udcff", "h\\udcff")
    assert attributes(points(found)[0]) == {"l\\udcff": "v\\udcff"}


def times_of(family_: AppFamily) -> set[tuple[int, int]]:
    """When each of its points begins and ends, of a directory that began at 5 and is read at 9."""
    data = data_of(Snapshot(app_families={family_.name: family_}, started=5), now_ns=9)
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    found = (one for one in metrics if one.name == family_.name)
    return {
        (point.start_time_unix_nano, point.time_unix_nano)
        for metric in found
        for point in metric.data.data_points
    }


@pytest.mark.parametrize(
    ("kind", "samples"),
    [
        ("counter", {("_total", ()): 3.0}),
        ("histogram", {bucket(INF): 3.0, ("_count", ()): 3.0, ("_sum", ()): 1.0}),
        ("summary", {("_sum", ()): 1.0, ("_count", ()): 3.0}),
    ],
)
@pytest.mark.parametrize(
    ("began", "ended", "expected"),
    [
        (None, None, (5, 9)),
        (7e-9, None, (7, 9)),
        (2e-9, None, (2, 9)),
        (99.0, None, (9, 9)),
        (2e-9, 4e-9, (2, 4)),
        (None, 4e-9, (4, 4)),
    ],
)
def test_a_point_begins_with_its_series(
    kind: str,
    samples: dict[Any, float],
    began: float | None,
    ended: float | None,
    expected: tuple[int, int],
) -> None:
    """Where the series does not know when it began, its point begins with the directory."""
    found = family("work", kind, samples)
    (last,) = (key for key in samples if key[0] in {"_total", "_sum"})
    found.created = {} if began is None else {last: began}
    found.timestamps = {} if ended is None else dict.fromkeys(samples, ended)
    assert times_of(found) == {expected}
