"""Names with characters that Prometheus allows since version 3, and samples with a timestamp."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI

from sidelight.app_metrics.text import render_family
from sidelight.store.directory import Directory
from sidelight.store.writer import WorkerFile
from sidelight.text_format import Escaping, ExpositionFormat, escaped_name
from tests.asgi.driver import call, scrape
from tests.store.driving import killed, worker
from tests.store.pages import Reader

client = pytest.importorskip("prometheus_client")
core = pytest.importorskip("prometheus_client.core")
open_exposition = pytest.importorskip("prometheus_client.openmetrics.exposition")
open_parser = pytest.importorskip("prometheus_client.openmetrics.parser")
text_parser = pytest.importorskip("prometheus_client.parser")
needs_utf8 = pytest.mark.skipif(
    not hasattr(open_exposition, "escape_label_name"), reason="this prometheus_client has no UTF-8"
)
SKIPPED = "sidelight_families_skipped_total"


class Dotted:
    """A collector of families with names of OpenTelemetry, and one in Greek."""

    def collect(self) -> Iterator[Any]:
        spoken = core.CounterMetricFamily("http.requests", "Requests.", labels=["http.method"])
        spoken.add_metric(["GET"], 3)
        yield spoken
        yield core.GaugeMetricFamily("\u03c0", "Pi.", value=3.14)
        waits = core.HistogramMetricFamily("wait.time", "Waits.", labels=["kind.\u03c0"])
        waits.add_metric(['a"b'], [("1.0", 1), ("+Inf", 2)], 5)
        yield waits

    def describe(self) -> list[Any]:
        return []


def lines(app: Any, accept: str) -> list[str]:
    answer = call(app, "GET", "/metrics", headers={"accept": accept})
    assert answer.error is None
    found = [line for line in answer.text.split("\n") if "sidelight" not in line]
    begin = next(at for at, line in enumerate(found) if "Requests." in line)
    return [line for line in found[begin:] if line and line != "# EOF"]


UNDERSCORES = [
    "# HELP http_requests_total Requests.",
    "# TYPE http_requests_total counter",
    'http_requests_total{http_method="GET"} 3.0',
    "# HELP _ Pi.",
    "# TYPE _ gauge",
    '_{worker="0"} 3.14',
    "# HELP wait_time Waits.",
    "# TYPE wait_time histogram",
    'wait_time_bucket{kind__="a\\"b",le="1.0"} 1.0',
    'wait_time_bucket{kind__="a\\"b",le="+Inf"} 2.0',
    'wait_time_count{kind__="a\\"b"} 2.0',
    'wait_time_sum{kind__="a\\"b"} 5.0',
]
UTF_8 = [
    '# HELP "http.requests_total" Requests.',
    '# TYPE "http.requests_total" counter',
    '{"http.requests_total","http.method"="GET"} 3.0',
    '# HELP "\u03c0" Pi.',
    '# TYPE "\u03c0" gauge',
    '{"\u03c0",worker="0"} 3.14',
    '# HELP "wait.time" Waits.',
    '# TYPE "wait.time" histogram',
    '{"wait.time_bucket","kind.\u03c0"="a\\"b",le="1.0"} 1.0',
    '{"wait.time_bucket","kind.\u03c0"="a\\"b",le="+Inf"} 2.0',
    '{"wait.time_count","kind.\u03c0"="a\\"b"} 2.0',
    '{"wait.time_sum","kind.\u03c0"="a\\"b"} 5.0',
]


@needs_utf8
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/plain", UNDERSCORES),
        ("text/plain;version=0.0.4;escaping=underscores", UNDERSCORES),
        ("text/plain;version=1.0.0;escaping=allow-utf-8", UTF_8),
    ],
)
def test_names_are_written_as_the_scraper_asks(
    app: FastAPI, registry: Any, accept: str, expected: list[str]
) -> None:
    """Names of families and labels are escaped, or quoted where the scraper accepts UTF-8."""
    registry.register(Dotted())
    assert sorted(lines(app, accept)) == sorted(expected)
    assert scrape(app).value(SKIPPED) == 0


@needs_utf8
@pytest.mark.parametrize(
    ("escaping", "names"),
    [
        ("dots", {"http_dot_requests_total", "sidelight__workers", "wait_dot_time_count"}),
        ("values", {"U__http_2e_requests_total", "sidelight_workers", "U__wait_2e_time_count"}),
    ],
)
def test_the_other_ways_to_escape(
    app: FastAPI, registry: Any, escaping: str, names: set[str]
) -> None:
    """``dots`` doubles every underscore, of Sidelight's names too; ``values`` writes codes."""
    registry.register(Dotted())
    accept = f"application/openmetrics-text;version=1.0.0;escaping={escaping}"
    answer = call(app, "GET", "/metrics", headers={"accept": accept})
    assert answer.headers["content-type"].endswith(f"; escaping={escaping}")
    families = open_parser.text_string_to_metric_families(answer.text)
    assert names <= {sample.name for family in families for sample in family.samples}


@needs_utf8
@pytest.mark.parametrize("escaping", Escaping)
def test_escapes_are_those_of_prometheus_client(escaping: Escaping) -> None:
    """Any name is escaped as prometheus_client escapes it."""
    for name in ("a", "a_b", "a.b", "a:b", "1a", "a-b c", "\u03c0.x", "_", "9", "\U0001f600"):
        for label, how in (
            (False, open_exposition.escape_metric_name),
            (True, open_exposition.escape_label_name),
        ):
            expected = how(name, escaping.value).strip('"')
            assert escaped_name(name, escaping, label=label) == expected, (name, label)


@needs_utf8
def test_quoted_names_can_be_read_back(app: FastAPI, registry: Any) -> None:
    """A parser of both formats finds the names that the application gave."""
    registry.register(Dotted())
    for accept, parser in (
        ("text/plain;version=1.0.0;escaping=allow-utf-8", text_parser),
        ("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8", open_parser),
    ):
        answer = call(app, "GET", "/metrics", headers={"accept": accept})
        found = {
            family.name: family for family in parser.text_string_to_metric_families(answer.text)
        }
        assert {"\u03c0", "wait.time", "http.requests"} <= set(found)
        assert found["http.requests"].samples[0].labels == {"http.method": "GET"}
        assert found["wait.time"].type == "histogram"


@needs_utf8
def test_names_that_are_escaped_alike(app: FastAPI, registry: Any) -> None:
    """Of two families that underscores would make one, the first is exported in all formats."""

    class Twins:
        def collect(self) -> Iterator[Any]:
            yield core.GaugeMetricFamily("a.b", "First.", value=1)
            yield core.GaugeMetricFamily("a_b", "Second.", value=2)
            yield core.GaugeMetricFamily("http.server.active_requests", "Of Sidelight.", value=3)

    registry.register(Twins())
    page = scrape(app)
    assert page.by(SKIPPED, "reason") == {"name_taken": 2}
    assert page.value("a_b") == 1
    quoted = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8"
    text = call(app, "GET", "/metrics", headers={"accept": quoted}).text
    assert '{"a.b",worker="0"} 1.0' in text
    assert "Second." not in text


def test_timestamps_stay(app: FastAPI, registry: Any) -> None:
    """A sample with a timestamp is exported with it: in milliseconds as text, else in seconds."""

    class Stamped:
        def collect(self) -> Iterator[Any]:
            level = core.GaugeMetricFamily("level", "Level.", labels=["tank"])
            level.add_metric(["a"], 5, timestamp=1700000000.25)
            level.add_metric(["b"], 6)
            yield level
            waits = core.HistogramMetricFamily("waits", "Waits.")
            waits.add_metric([], [("1.0", 1), ("+Inf", 2)], 5, timestamp=1700000001)
            yield waits

    registry.register(Stamped())
    text = call(app, "GET", "/metrics").text
    assert '\nlevel{tank="a",worker="0"} 5.0 1700000000250\n' in text
    assert '\nlevel{tank="b",worker="0"} 6.0\n' in text
    assert '\nwaits_bucket{le="+Inf"} 2.0 1700000001000\n' in text
    accept = {"accept": "application/openmetrics-text"}
    text = call(app, "GET", "/metrics", headers=accept).text
    assert '\nlevel{tank="a",worker="0"} 5.0 1700000000.250\n' in text
    list(open_parser.text_string_to_metric_families(text))


@pytest.fixture
def mine(where: Directory) -> Iterator[WorkerFile]:
    """A real worker."""
    file = worker(where, 1)
    yield file
    killed(file)


def counter(name: str, *when: Any) -> list[Any]:
    return [name, "counter", "Help.", "", "", [["_total", [], 1, *when]], []]


def test_a_sum_over_workers_has_the_newest_timestamp(where: Directory, mine: WorkerFile) -> None:
    """A sum has the newest timestamp of its parts, and none where a part has none."""
    other = worker(where, 1)
    both = ((mine, (5.0, 7.0, 9.0)), (other, (6.0, 4.0, None)))
    for file, times in both:
        families = [
            counter(name, *([] if when is None else [when]))
            for name, when in zip(("a", "b", "c"), times, strict=True)
        ]
        where.write(file.name.replace(".worker", ".user"), json.dumps(families).encode())
    found = Reader(where).snapshot().app_families
    key = ("_total", ())
    assert [found[name].samples[key] for name in "abc"] == [2, 2, 2]
    assert [found[name].timestamps.get(key) for name in "abc"] == [6, 7, None]
    killed(other)
    merged = Reader(where).snapshot().app_families
    assert [merged[name].timestamps.get(key) for name in "abc"] == [6, 7, None]


@pytest.mark.parametrize("when", [float("nan"), float("inf"), -1, 1e300, 9e9])
def test_timestamps_that_are_none_are_left_out(
    where: Directory, mine: WorkerFile, when: float
) -> None:
    """A timestamp that no reader can take costs neither the sample nor the page."""
    data = json.dumps([counter("orders", when)]).encode()
    where.write(mine.name.replace(".worker", ".user"), data)
    staying = Reader(where)
    assert staying.page()["orders_total", frozenset()] == 1
    assert staying.snapshot().app_families["orders"].timestamps == {}


def test_a_histogram_has_one_timestamp(where: Directory, mine: WorkerFile) -> None:
    """Samples of one histogram get the newest of their timestamps, so that it stays one."""
    bucket = [["_bucket", [["le", "1.0"]], 1, 5.0], ["_bucket", [["le", "+Inf"]], 1, 6.0]]
    data = json.dumps([["waits", "histogram", "Help.", "", "", bucket, []]]).encode()
    where.write(mine.name.replace(".worker", ".user"), data)
    staying = Reader(where)
    staying.page()
    snapshot = staying.snapshot()
    assert set(snapshot.app_families["waits"].timestamps.values()) == {6.0}
    family = snapshot.app_families["waits"]
    plain = b"".join(render_family(family, ExpositionFormat.OPENMETRICS, timestamps=False))
    assert plain.endswith(b'waits_bucket{le="+Inf"} 1.0\n')  # as the sidecar's history reads it
