"""Snapshots of the application's metrics that no application made, or an odd one."""

import json
import operator
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from sidelight.app_metrics import families as app_families
from sidelight.contract import METRICS
from sidelight.export.prometheus import render
from sidelight.store.directory import Directory
from sidelight.store.writer import WorkerFile
from sidelight.text_format import ExpositionFormat
from tests.store.driving import killed, sizes, worker
from tests.store.pages import Reader, Samples, named, open_parser, parsed, requests, samples

REAL = 5
NAN, INF = float("nan"), float("inf")
quiet = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@pytest.fixture
def mine(where: Directory) -> Iterator[WorkerFile]:
    """A real worker that has counted five requests."""
    file = worker(where, REAL)
    yield file
    killed(file)


def put(where: Directory, file: WorkerFile, *families: Any) -> None:
    where.write(file.name.replace(".worker", ".user"), json.dumps(families).encode())


def page(where: Directory, file: WorkerFile, *families: Any) -> Samples:
    """The page with these families in the worker's snapshot."""
    put(where, file, *families)
    found = Reader(where).page()
    assert requests(found) == REAL
    return found


def family(name: str, kind: str, *told: Any, text: str = "Help.", unit: str = "") -> list[Any]:
    return [name, kind, text, unit, "", list(told), []]


def skipped(found: Samples, reason: str = "malformed") -> float:
    return named(found, "sidelight_families_skipped_total", reason=reason)


NAMES = [
    *("a\n", "a} 1\nforged", "", "a\0", "a\t", "\x7f", "\ud800", "\u2028"),
]


def test_names_that_are_none_are_skipped(where: Directory, mine: WorkerFile) -> None:
    """A name that can't be read, of a family or a label, takes only its own family away."""
    good = family("good", "gauge", ["", [["shop", "a"]], 1])
    for name in NAMES:
        found = page(where, mine, family(name, "gauge", ["", [], 1]), good)
        assert skipped(found) == 1, name
        assert named(found, "good") == 1, name
        labelled = family("bad", "gauge", ["", [[name, "x"]], 1])
        assert skipped(page(where, mine, labelled, good)) == 1, name


@pytest.mark.parametrize(
    "labels",
    [
        [["__name__", "up"]],
        [["__reserved", "x"]],
        [["a", "1"], ["a", "2"]],
        [["worker", "1"], ["sidelight_worker", "2"]],
        [["a.b", "1"], ["a_b", "2"]],
        [["..reserved", "x"]],
    ],
)
def test_labels_no_sample_may_have_are_skipped(
    where: Directory, mine: WorkerFile, labels: Any
) -> None:
    """A label twice, or one that says the metric's name, takes only its own family away."""
    found = page(where, mine, family("bad", "gauge", ["", labels, 1]))
    assert skipped(found) == 1
    assert named(found, "bad") == 0


@pytest.mark.parametrize("kind", ["blob", "untyped", "histogram\n# EOF", "", "Counter"])
def test_kinds_that_are_none_are_skipped(where: Directory, mine: WorkerFile, kind: str) -> None:
    """A kind that no format knows takes only its own family away."""
    assert skipped(page(where, mine, family("bad", kind, ["", [], 1]))) == 1


@pytest.mark.parametrize("suffix", ["_other", " 1\nforged", "{", "_created", "\n"])
def test_suffixes_that_are_none_are_skipped(
    where: Directory, mine: WorkerFile, suffix: str
) -> None:
    """A sample with an ending that no kind has takes only its own family away."""
    assert skipped(page(where, mine, family("bad", "gauge", [suffix, [], 1]))) == 1


OURS = [
    *METRICS,
    *(name.removesuffix("_total") for name in METRICS if name.endswith("_total")),
    "target",
    "sidelight_anything",
    "http_server_request_duration_seconds_count",
    "http_server_request_duration_seconds_created",
    "fastapi_slow_requests_created",
]


@pytest.mark.parametrize("kind", ["gauge", "counter", "info", "unknown"])
def test_no_family_of_ours_can_be_forged(where: Directory, mine: WorkerFile, kind: str) -> None:
    """Of whatever kind, a family with a name of Sidelight's own is not exported."""
    (suffix,) = app_families.SUFFIXES[kind]
    names = set(OURS)
    forged = [family(name, kind, [suffix, [["forged", "yes"]], 1]) for name in sorted(names)]
    found = page(where, mine, *forged)
    assert not [labels for _, labels in found if ("forged", "yes") in labels]
    assert skipped(found, "name_taken") == len(names)


def test_the_split_of_a_broken_family_can_forge_none_either(
    where: Directory, mine: WorkerFile
) -> None:
    """A family that is exported by its samples may not take a name of Sidelight's either."""
    forged = family("http_server_request_duration_seconds", "gauge", ["_count", [], 99])
    found = page(where, mine, forged, family("target", "gauge", ["_info", [], 99]))
    assert skipped(found, "name_taken") == 2


@pytest.mark.parametrize("swap", [False, True])
def test_two_families_that_share_a_name_are_not_both_shown(
    where: Directory, mine: WorkerFile, swap: Any
) -> None:
    """Of a counter and a gauge whose samples have one name, the first is there."""
    both = [
        family("orders", "counter", ["_total", [], 1]),
        family("orders_total", "gauge", ["", [], 2]),
    ]
    found = page(where, mine, *(both[::-1] if swap else both))
    assert skipped(found, "name_taken") == 1
    assert named(found, "orders_total") == (2 if swap else 1)


def test_a_counter_named_like_its_samples_has_a_header_of_its_own(
    where: Directory, mine: WorkerFile
) -> None:
    """A counter whose family name ends in ``_total`` is not taken for the family without it."""
    both = [
        family("orders_total", "counter", ["_total", [], 1]),
        family("orders", "summary", ["_count", [], 2], ["_sum", [], 3]),
    ]
    found = page(where, mine, *both)
    assert named(found, "orders_total_total") == 1
    assert named(found, "orders_count") == 2


def bucket(bound: str, value: float, *labels: Any) -> Any:
    return ["_bucket", [*labels, ["le", bound]], value]


ODD = {
    "no infinity": ("histogram", [bucket("1.0", 1), ["_count", [], 1], ["_sum", [], 1]]),
    "out of order": ("histogram", [bucket("+Inf", 2), bucket("1.0", 1)]),
    "falling": ("histogram", [bucket("1.0", 5), bucket("+Inf", 2)]),
    "le of no number": ("histogram", [bucket("x", 1), bucket("+Inf", 2)]),
    "le NaN": ("histogram", [bucket("NaN", 1), bucket("+Inf", 2)]),
    "le inf": ("histogram", [bucket("inf", 1)]),
    "no le": ("histogram", [["_bucket", [], 1]]),
    "half a request": ("histogram", [bucket("+Inf", 0.5)]),
    "count differs": ("histogram", [bucket("+Inf", 2), ["_count", [], 3], ["_sum", [], 1]]),
    "a sum without a count": ("histogram", [bucket("+Inf", 2), ["_sum", [], 1]]),
    "a count without a sum": ("histogram", [bucket("+Inf", 2), ["_count", [], 2]]),
    "negative boundary": ("histogram", [bucket("-1.0", 0), bucket("+Inf", 0)]),
    "groups mixed": (
        "histogram",
        [
            bucket("1.0", 1, ["a", "x"]),
            bucket("+Inf", 1, ["a", "y"]),
            bucket("+Inf", 1, ["a", "x"]),
        ],
    ),
    "negative counter": ("counter", [["_total", [], -1]]),
    "counter NaN": ("counter", [["_total", [], NAN]]),
    "plain counter": ("counter", [["", [], 1]]),
    "negative sum": ("summary", [["_count", [], 1], ["_sum", [], -1]]),
    "quantile of 2": ("summary", [["", [["quantile", "2"]], 1]]),
    "no quantile": ("summary", [["", [], 1]]),
    "infinite count": ("summary", [["_count", [], INF], ["_sum", [], INF]]),
    "info of 2": ("info", [["_info", [], 2]]),
    "state of 2": ("stateset", [["", [["odd", "on"]], 2]]),
    "state of nothing": ("stateset", [["", [], 1]]),
    "gauge histogram": ("gaugehistogram", [bucket("+Inf", 2), ["_gcount", [], 1]]),
    "sum below zero": (
        "gaugehistogram",
        [bucket("+Inf", 2), ["_gcount", [], 2], ["_gsum", [], -1]],
    ),
}


def test_samples_that_fit_no_kind_are_shown_one_by_one(where: Directory, mine: WorkerFile) -> None:
    """What OpenMetrics has no place for under its kind is there all the same, as unknown."""
    names = {f"odd_{at}_": name for at, name in enumerate(ODD)}
    families = [family(name, ODD[odd][0], *relabelled(odd, name)) for name, odd in names.items()]
    found = page(where, mine, *families)
    assert skipped(found) == 0
    for name, odd in names.items():
        assert len([key for key in found if key[0].startswith(name)]) == len(ODD[odd][1]), odd


def relabelled(odd: str, name: str) -> list[Any]:
    """The samples of an odd family under another name: a state's label is its family's name."""
    return [
        [suffix, [[name if label == "odd" else label, text] for label, text in labels], value]
        for suffix, labels, value in ODD[odd][1]
    ]


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1e300, -0.0])
def test_any_number_is_shown(where: Directory, mine: WorkerFile, value: float) -> None:
    """A gauge may be no number, or infinite."""
    found = page(where, mine, family("level", "gauge", ["", [], value]))
    assert str(named(found, "level")) == str(0 + value)


def test_labels_that_look_the_same_are_not_there_twice(where: Directory, mine: WorkerFile) -> None:
    """A family is skipped if values that a page shows alike, or labels in another order, repeat."""
    for told in (
        [["", [["a", "\0"]], 1], ["", [["a", "\ufffd"]], 2]],
        [["", [["a", "1"], ["b", "2"]], 1], ["", [["b", "2"], ["a", "1"]], 2]],
    ):
        found = page(where, mine, family("twins", "gauge", *told))
        assert skipped(found) == 1
        assert [name for name, _ in found if name == "twins"] == []


EXEMPLARS = [
    [[["trace", 'a"b']], 1, 1],
    [[["trace", "a\nb"]], 1, 1],
    [[["trace", "a\\"]], 1, 1],
    [[["tra ce", "x"]], 1, 1],
    [[["trace", "x" * 200]], 1, 1],
    [[["trace", "x"]], 1, NAN],
    [[["trace", "x"]], 1, INF],
    [[["a", "x"], ["a", "y"]], 1, None],
    [[["trace", "x"]], NAN, 1.5],
]


@pytest.mark.parametrize("seen", EXEMPLARS)
def test_exemplars_that_are_none_are_left_out(
    where: Directory, mine: WorkerFile, seen: Any
) -> None:
    """An exemplar that a page can't have, or has no place for, takes no sample away."""
    for kind, suffix in (("counter", "_total"), ("gauge", "")):
        odd = family("orders", kind, [suffix, [], 3])
        odd[-1] = [[suffix, [], *seen]]
        assert named(page(where, mine, odd), "orders" + suffix) == 3


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"null", b"5", b"[5]", b"[[]]", b'[{"a":1}]', b"[" * 100_000, b'"' * 100_000,
        b"[" + b"9" * 10_000 + b"]", b'[["a","gauge","","","",5,[]]]',
        b'[["a","gauge","","","",[["",[],"x"]],[]]]', b'[["a","gauge","","","",[["",{},1]],[]]]',
        b'[["a","gauge","","","",[["",["xyz"],1]],[]]]', b"\xff\xfe", b"\0" * 1000,
        b'[["a","gauge",{"x":[]},"","",[],[]]]', b'[["a","gauge","","","",[["",[],1e999]],[]]]',
        b" " * (app_families.MAX_BYTES + 1),
    ],
)  # fmt: skip
def test_snapshots_that_are_none_are_skipped(
    where: Directory, mine: WorkerFile, data: bytes
) -> None:
    """Bytes that are no snapshot take no page away, nor a merge."""
    where.write(mine.name.replace(".worker", ".user"), data)
    dead = worker(where, 1)
    where.write(dead.name.replace(".worker", ".user"), data)
    killed(dead)
    staying = Reader(where)
    for _ in range(2):
        assert requests(staying.page()) == REAL + 1


WORDS = some.one_of(
    some.text(max_size=8),
    some.sampled_from(["a", "b", "a_total", "le", "quantile", "worker", "+Inf", "1.0", '"', "\n"]),
)
PAIRS = some.lists(some.tuples(WORDS, WORDS), max_size=3)
SUFFIX = some.one_of(
    WORDS, some.sampled_from(sorted({s for t in app_families.SUFFIXES.values() for s in t}))
)
VALUES = some.one_of(some.floats(), some.integers(-2, 5))
SAMPLE = some.tuples(SUFFIX, PAIRS, VALUES)
TIMES = some.tuples(some.one_of(some.none(), VALUES), some.one_of(some.none(), VALUES))
FAMILY = some.tuples(
    WORDS,
    some.one_of(WORDS, some.sampled_from(sorted(app_families.SUFFIXES))),
    WORDS,
    WORDS,
    some.sampled_from(["", "sum", "livemax", "mostrecent", "x"]),
    some.lists(some.one_of(SAMPLE, some.builds(operator.add, SAMPLE, TIMES)), max_size=6),
    some.lists(
        some.tuples(SUFFIX, PAIRS, PAIRS, VALUES, some.one_of(some.none(), VALUES)), max_size=2
    ),
)


@pytest.mark.parametrize("examples", sizes(10, 50))
def test_no_snapshot_breaks_a_page(where: Directory, examples: int) -> None:
    """Any families of any workers: both formats parse, and no sample is exported twice."""

    @settings(quiet, max_examples=examples)
    @given(some.lists(some.lists(FAMILY, max_size=4), min_size=1, max_size=3))
    def exported(snapshots: list[Any]) -> None:
        for name in where.names(""):
            where.remove(name)
        files = [worker(where, 1) for _ in snapshots]
        for file, families in zip(files, snapshots, strict=True):
            put(where, file, *families)
        staying = Reader(where)
        assert requests(staying.page()) == len(files)
        created = render(staying.snapshot(), ExpositionFormat.OPENMETRICS, created=True)
        samples(open_parser.text_string_to_metric_families(b"".join(created).decode()))
        for file in files:
            killed(file)
            assert requests(staying.page()) == len(files)

    exported()


def test_what_prometheus_client_makes_stays_as_it_is(where: Directory, mine: WorkerFile) -> None:
    """Every kind of a real registry is shown whole, under its own kind."""
    client = pytest.importorskip("prometheus_client")
    from sidelight.app_metrics.registry import collectors, families_of

    source = client.CollectorRegistry()
    client.Counter("orders", "Orders.", ["shop"], registry=source).labels('a"\n').inc(2)
    client.Gauge("level", "Level.", registry=source).set(NAN)
    client.Histogram("wait_seconds", "Wait.", ["x"], registry=source).labels("y").observe(1)
    client.Summary("size_bytes", "Size.", registry=source).observe(3)
    client.Info("build", "Build.", registry=source).info({"version": "1"})
    client.Enum("mood", "Mood.", states=["good", "bad"], registry=source).state("bad")
    families = [family for each in collectors(source) for family in families_of(each)]
    where.write(mine.name.replace(".worker", ".user"), app_families.encode(families))
    snapshot = Reader(where).snapshot()
    assert {family.kind for family in snapshot.app_families.values()} == {
        *("counter", "gauge", "histogram", "summary", "info", "stateset")
    }
    exposition = pytest.importorskip("prometheus_client.openmetrics.exposition")
    text = exposition.generate_latest(source).decode()
    actual, expected = parsed(snapshot), samples(open_parser.text_string_to_metric_families(text))
    found = {(name, frozenset(p for p in labels if p[0] != "worker")) for name, labels in actual}
    assert {key for key in expected if not key[0].endswith("_created")} <= found
