"""Prometheus's protobuf format: decoded by its own client model, it is the text page."""

import gzip
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from sidelight import client_model
from sidelight.asgi.metrics_endpoint import unmeasured_response
from sidelight.client_model import NativeBuckets
from sidelight.contract import DURATION, METRICS, SLOW
from sidelight.export import prometheus, protobuf
from sidelight.export.snapshot import SeriesKey, Snapshot
from sidelight.store.reader import StoredExemplar
from sidelight.store.schema import StoredFamily
from sidelight.text_format import Escaping, ExpositionFormat
from tests.app_metrics import example_metrics
from tests.asgi.driver import call, http_scope
from tests.export import accept_headers
from tests.export.otlp_service import filled, service, snapshot_of, use
from tests.export.protobuf_page import families, le, metric_family, normal, pairs, samples
from tests.store import pages

core = pytest.importorskip("prometheus_client.core")
UTF_8 = hasattr(
    pytest.importorskip("prometheus_client.openmetrics.exposition"), "escape_label_name"
)

TYPES = {"gauge": "GAUGE", "counter": "COUNTER", "summary": "SUMMARY", "untyped": "UNTYPED"}
WHEN = 1_700_000_000.25


class Odd:
    """A collector of what prometheus_client's own metrics have not."""

    def collect(self) -> Iterator[Any]:
        yield core.HistogramMetricFamily("bare", "No sum.", [("1.0", 1), ("+Inf", 2)], None)
        yield core.HistogramMetricFamily("vast", "A count past 64 bits.", [("+Inf", 1e20)], 5)
        yield core.GaugeHistogramMetricFamily("ages", "Ages.", [("2.5", 1), ("+Inf", 3)], 7.5)
        waits = core.Metric("waits", "Waits.", "summary")
        for suffix, labels, value in (
            ("", {"quantile": "0.5"}, 1.5),
            ("", {"quantile": "0.99"}, math.nan),
            ("_count", {}, 4),
            ("_sum", {}, 6),
        ):
            waits.add_sample("waits" + suffix, labels, value)
        yield waits
        only = core.Metric("only", "Quantiles and nothing else.", "summary")
        only.add_sample("only", {"quantile": "0.5"}, 1.5)
        yield only
        half = core.Metric("half", "A count without a sum.", "summary")
        half.add_sample("half_count", {}, 2)
        yield half
        yield core.UnknownMetricFamily("odd", 'No "type"\\,\nin two lines.', 2)
        level = core.GaugeMetricFamily("level", "Level.", labels=["tank"])
        for number, value in enumerate((5, math.inf, -math.inf, 0)):
            level.add_metric([f'{number}"\\\n\0\ud800é'], value, timestamp=WHEN + number)
        yield level
        stamped = core.HistogramMetricFamily("stamped", "With a time.", labels=["of"])
        stamped.add_metric(["a"], [("1e6", 1), ("+Inf", 2)], 5, timestamp=WHEN)
        yield stamped
        if not UTF_8:
            return
        spoken = core.CounterMetricFamily(
            "spoken.words", "Words.", labels=["the.language", "mainé"]
        )
        spoken.add_metric(["Ελληνικά", ""], 3)
        yield spoken

    def describe(self) -> list[Any]:
        return []


def find(snapshot: Snapshot, name: str) -> SeriesKey:
    """A series of a metric that has counted something."""
    return next(k for k, v in snapshot.sums.items() if k.family.name == name and any(v))


@pytest.fixture
def everything(registry: Any) -> Snapshot:
    """Every metric of the contract, exemplars, and the application's metrics of every kind."""
    example_metrics.fill(registry)
    registry.register(Odd())
    app = service()
    use(app)
    snapshot = filled(snapshot_of(app))
    for number, (name, bucket) in enumerate(
        ((DURATION.name, 0), (DURATION.name, 14), (SLOW.name, 0))
    ):
        ids = f"{number:032x}", f"{number:016x}"
        found = StoredExemplar(0, bucket, *ids, 0.25 + number, WHEN + number)
        snapshot.exemplars[find(snapshot, name), bucket] = found
    return snapshot


def page(snapshot: Snapshot, escaping: Escaping = Escaping.UNDERSCORES) -> list[Any]:
    """The families of a snapshot in protobuf."""
    return families(b"".join(protobuf.render(snapshot, escaping)))


def text(
    snapshot: Snapshot,
    escaping: Escaping = Escaping.UNDERSCORES,
    form: ExpositionFormat = ExpositionFormat.TEXT,
) -> str:
    return b"".join(prometheus.render(snapshot, form, escaping)).decode()


def parsed(page: str) -> dict[Any, float]:
    return normal(pages.samples(pages.text_parser.text_string_to_metric_families(page)))


def shown(found: dict[Any, float]) -> dict[Any, str]:
    """Values that can be compared, also those that are no number."""
    return {key: repr(float(value)) for key, value in found.items()}


@pytest.mark.parametrize("escaping", [Escaping.UNDERSCORES, Escaping.DOTS, Escaping.VALUES])
def test_every_sample_is_that_of_the_text_page(everything: Snapshot, escaping: Escaping) -> None:
    """Names, labels, boundaries and values are those of the text format, and there are no more."""
    expected = shown(parsed(text(everything, escaping)))
    assert len(expected) > 300
    assert shown(samples(page(everything, escaping))) == expected


@pytest.mark.skipif(not UTF_8, reason="this prometheus_client has no UTF-8")
def test_names_are_plain_where_utf_8_is_accepted(everything: Snapshot) -> None:
    """Names that the text format has in quotes are as the application gave them."""
    (found,) = (f for f in page(everything, Escaping.ALLOW_UTF_8) if f.help == "Words.")
    assert found.name == "spoken.words_total"
    labels = {"the.language": "Ελληνικά", "mainé": ""}
    assert pairs(found.metric[0].label) == labels


def test_families_have_the_types_and_texts_of_the_text_page(everything: Snapshot) -> None:
    """Also those of OpenMetrics, whose infos and states are gauges."""
    lines = [line.split(" ", 3)[2:] for line in text(everything).split("\n") if line[:1] == "#"]
    kinds, texts = dict(lines[1::2]), dict(lines[::2])
    expected = {name: TYPES.get(kind, "HISTOGRAM") for name, kind in kinds.items()}
    expected["ages"] = "GAUGE_HISTOGRAM"  # which the text format does not have
    # These have no sum, or too high a count: what no message of theirs can have.
    del expected["bare"], expected["vast"], expected["half"]
    for name in ("bare_bucket", "vast_bucket", "vast_count", "vast_sum", "only", "half_count"):
        expected[name] = "UNTYPED"
    found = page(everything)
    types = metric_family().DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number
    assert {one.name: types[one.type].name for one in found} == expected
    for one in found:
        written = one.help.replace("\\", r"\\").replace("\n", r"\n")
        assert written == texts.get(one.name, written)
    assert texts["odd"] == r'No "type"\\,\nin two lines.'


def test_units_are_those_of_openmetrics(everything: Snapshot) -> None:
    """A family has its unit where its name ends in it: Prometheus refuses any other page."""
    lines = text(everything, form=ExpositionFormat.OPENMETRICS).split("\n")
    units = dict(line.split(" ")[2:] for line in lines if line.startswith("# UNIT "))
    found = {one.name: one.unit for one in page(everything) if one.unit}
    assert {name.removesuffix("_total"): unit for name, unit in found.items()} == units
    assert found["process_cpu_seconds_total"] == "seconds"
    assert found["size_bytes"] == "bytes"


def test_exemplars_are_those_of_openmetrics(everything: Snapshot) -> None:
    """On the same buckets and counters, with the same labels, values and times."""
    open_text = text(everything, form=ExpositionFormat.OPENMETRICS)
    expected = {
        (sample.name, le(float(sample.labels.get("le", 0)))): (
            sample.exemplar.labels,
            sample.exemplar.value,
            float(sample.exemplar.timestamp),
        )
        for family in pages.open_parser.text_string_to_metric_families(open_text)
        for sample in family.samples
        if sample.exemplar
    }
    assert len(expected) == 3
    assert dict(exemplars(page(everything))) == expected


def exemplars(found: list[Any]) -> Iterator[tuple[tuple[str, str], tuple[Any, ...]]]:
    """Sample name and boundary, and the parts of each exemplar."""
    for family in found:
        for metric in family.metric:
            if metric.counter.HasField("exemplar"):
                yield (family.name, "0.0"), parts(metric.counter.exemplar)
            for bucket in metric.histogram.bucket:
                if bucket.HasField("exemplar"):
                    yield (family.name + "_bucket", le(bucket.upper_bound)), parts(bucket.exemplar)


def parts(exemplar: Any) -> tuple[dict[str, str], float, float]:
    when = exemplar.timestamp.seconds + exemplar.timestamp.nanos / 1e9
    return pairs(exemplar.label), exemplar.value, when


def test_exemplars_of_the_application(everything: Snapshot) -> None:
    """Those of its counters and buckets are exported too, with any time and without one."""
    orders, sizes = (everything.app_families[name] for name in ("orders", "size_bytes"))
    order, size = next(iter(orders.samples)), list(sizes.samples)[1]
    orders.exemplars[order] = (("trace_id", "a"),), 2.0, None
    sizes.exemplars[size] = (("trace_id", "b"),), 1.5, -1.5
    found = dict(exemplars(page(everything)))
    assert found["orders_total", "0.0"] == ({"trace_id": "a"}, 2.0, 0.0)
    assert found["size_bytes_bucket", "2.5"] == ({"trace_id": "b"}, 1.5, -1.5)


def test_timestamps_are_milliseconds(everything: Snapshot) -> None:
    """Samples of the application with a timestamp have it, and no others."""
    stamped = {"level": [1700000000250 + 1000 * number for number in range(4)]}
    stamped["stamped"] = [1700000000250]
    for family in page(everything):
        found = [metric.timestamp_ms for metric in family.metric if metric.HasField("timestamp_ms")]
        assert found == stamped.get(family.name, [])


def test_a_series_has_its_start_where_it_is_known(everything: Snapshot) -> None:
    """Counters, histograms and summaries of ours have the time at which they began; others none."""
    assert {key.family.name for key in everything.created} > {SLOW.name, DURATION.name}
    everything.created, everything.app_families = {}, {}
    assert all(start is None for _, start in starts(page(everything)))
    summary = next(name for name, metric in METRICS.items() if metric.kind == "summary")
    names = {SLOW.name, DURATION.name, summary}
    keys = [find(everything, name) for name in names]
    everything.created = dict.fromkeys(keys, 1_700_000_000_250_000_000)
    found = [(name, start) for name, start in starts(page(everything)) if start]
    assert sorted(found) == sorted((name, (1_700_000_000, 250_000_000)) for name in names)


def starts(found: list[Any]) -> Iterator[tuple[str, tuple[int, int] | None]]:
    for family in found:
        for metric in family.metric:
            for kind in ("counter", "histogram", "summary"):
                if metric.HasField(kind):
                    value = getattr(metric, kind)
                    when = value.created_timestamp
                    known = value.HasField("created_timestamp")
                    yield family.name, (when.seconds, when.nanos) if known else None


def histogram(native: NativeBuckets | None) -> Any:
    """A decoded histogram with three values in two buckets."""
    value = client_model.histogram((1, 3), 2.5, (1.0, math.inf), native=native)
    (found,) = families(
        client_model.family("x", "histogram", "", "", [client_model.metric(b"", value)])
    )
    return found.metric[0].histogram


def test_native_buckets_stand_beside_classic_ones() -> None:
    """Schema, zero bucket, spans and deltas are what was given, and classic buckets stay."""
    native = NativeBuckets(-3, 2.0**-13, 300, ((-100, 2), (3, 1)), (5, -3, 200))
    found = histogram(native)
    assert (found.schema, found.zero_threshold, found.zero_count) == (-3, 2.0**-13, 300)
    assert [(span.offset, span.length) for span in found.positive_span] == [(-100, 2), (3, 1)]
    assert list(found.positive_delta) == [5, -3, 200]
    assert [bucket.cumulative_count for bucket in found.bucket] == [1, 3]
    assert (found.sample_count, found.sample_sum) == (3, 2.5)


def test_native_buckets_of_no_values_have_an_empty_span() -> None:
    """Without any span Prometheus would take the histogram for a classic one."""
    found = histogram(NativeBuckets(3, 0.0, 0, (), ()))
    assert [(span.offset, span.length) for span in found.positive_span] == [(0, 0)]
    assert list(found.positive_delta) == []
    assert not histogram(None).positive_span


@pytest.mark.parametrize(
    "count", [0, 1, 127, 128, 16383, 16384, 2**32 - 1, 2**32, 2**53 + 1, 2**63, 2**64 - 1]
)
def test_counts_of_any_size(count: int) -> None:
    """Every count that 64 bits hold is written as it is."""
    family = StoredFamily(DURATION.name, "histogram", (0.5,))
    key = SeriesKey(family, ("GET", "/a", "200", "", "http"))
    (found,) = page(Snapshot({key: (0, count, 0)}))
    buckets = found.metric[0].histogram.bucket
    assert [bucket.cumulative_count for bucket in buckets] == [count, count]


def test_gzip_has_the_same_page() -> None:
    """A client that accepts gzip gets the families compressed."""
    asked = {"accept": accept_headers.PROTOBUF, "accept-encoding": "gzip"}
    answer = call(service(), "GET", "/metrics", headers=asked)
    assert answer.headers["content-encoding"] == "gzip"
    found = {family.name for family in families(gzip.decompress(answer.body))}
    assert {"sidelight_build_info", "target_info"} <= found


def test_a_process_without_a_store_says_so_in_protobuf_too() -> None:
    """Its one metric is a counter, which says why."""
    scope = http_scope("GET", "/metrics", {"accept": accept_headers.PROTOBUF})
    answer = call(unmeasured_response("store_no_space", scope))
    assert answer.headers["content-type"] == ExpositionFormat.PROTOBUF.value
    (found,) = families(answer.body)
    labels = frozenset({("where", "store_no_space")})
    assert samples([found]) == {("sidelight_internal_errors_total", labels): 1}
    assert found.type == client_model.TYPES["counter"]


def test_words_of_a_broken_file_cost_no_page() -> None:
    """Counts whose sum has more than 64 bits, which no worker writes, still make a whole page."""
    family = StoredFamily(DURATION.name, "histogram", tuple(map(float, range(1000))))
    key = SeriesKey(family, ("GET", "/a", "200", "", "http"))
    (found,) = page(Snapshot({key: (2**64 - 1,) * family.values}))
    assert len(found.metric[0].histogram.bucket) == 1001


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The metrics that were encoded so far."""
    found: list[bytes] = []
    encode = client_model.metric

    def noted(*given: Any) -> bytes:
        found.append(encode(*given))
        return found[-1]

    monkeypatch.setattr(client_model, "metric", noted)
    return found


CHANGES: dict[str, Callable[[Snapshot, SeriesKey], None]] = {
    "values": lambda snapshot, key: snapshot.sums.update(
        {key: tuple(value + 1 for value in snapshot.sums[key])}
    ),
    "exemplar": lambda snapshot, key: snapshot.exemplars.update(
        {(key, 14): snapshot.exemplars[key, 14]._replace(value=9.0)}
    ),
    "created": lambda snapshot, key: snapshot.created.update({key: 1}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_only_what_changed_is_encoded_again(
    everything: Snapshot, encoded: list[bytes], change: str
) -> None:
    """A series is encoded when its values, its exemplars or its start have changed."""
    everything.app_families = {}
    before = page(everything)
    assert len(encoded) == len(everything.sums)
    encoded.clear()
    assert page(everything) == before
    assert encoded == []
    key = find(everything, DURATION.name)
    CHANGES[change](everything, key)
    after = page(everything)
    assert len(encoded) == 1
    fresh = replace(everything, sums={}, exemplars={}, created={})
    for old, values in everything.sums.items():
        new = SeriesKey(old.family, old.labels)
        fresh.sums[new] = values
        fresh.exemplars |= {(new, b): e for (k, b), e in everything.exemplars.items() if k is old}
        if old in everything.created:
            fresh.created[new] = everything.created[old]
    assert page(fresh) == after != before


def test_pages_of_two_escapings_do_not_mix(everything: Snapshot) -> None:
    """A scraper that asks for other names gets them, whatever was encoded before."""
    plain, dots = (page(everything, one) for one in (Escaping.UNDERSCORES, Escaping.DOTS))
    assert plain != dots
    for _ in range(2):
        assert page(everything) == plain
        assert page(everything, Escaping.DOTS) == dots


def test_the_event_loop_has_turns_while_series_are_encoded(encoded: list[bytes]) -> None:
    """At most 100 series are encoded between two pieces, however many a family has."""
    family = StoredFamily(DURATION.name, "histogram", (0.5,))
    keys = [SeriesKey(family, ("GET", f"/{n}", "200", "", "http")) for n in range(1001)]
    counts = []
    pieces = []
    for piece in protobuf.render(Snapshot(dict.fromkeys(keys, (1, 2, 3)))):
        counts.append(len(encoded))
        pieces.append(piece)
    assert counts == [*range(100, 1001, 100), 1001, 1001]
    assert pieces[:-1] == [b""] * 11
    (found,) = families(pieces[-1])
    assert len(found.metric) == 1001
