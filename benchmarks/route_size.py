"""What a route in use takes, with each kind of histogram: the table of ``docs/scale.md``.

``python -m benchmarks.route_size`` prints it. All times and durations are fixed, so that each run
prints the same. Needs a Prometheus of `tests.live.newer`.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from benchmarks.report import table
from sidelight.contract import DURATION_BUCKETS, METRICS, Metric
from sidelight.cooperative import run_to_end
from sidelight.embedded.history.exposition import Exemplars, MetricMetadata
from sidelight.embedded.history.history import History
from sidelight.embedded.history.scrape import Scrape
from sidelight.embedded.promql.storage import LabelMatcher, SampleBlock
from sidelight.export import prometheus, protobuf
from sidelight.export.collector import Collector
from sidelight.export.response import GZIP_LEVEL
from sidelight.export.snapshot import Snapshot
from sidelight.store import directory
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from sidelight.text_format import ExpositionFormat
from tests.deploy.instance_series import USED_ROUTE
from tests.embedded.promql.oracle_server import NATIVE_HISTOGRAMS, oracle_server
from tests.live.newer import newer
from tests.live.shapes import SHAPES

ROUTES = 5
EVERY, BLOCK, DAY = 15, 7_200, 86_400
"""Seconds between two scrapes, of a block of Prometheus, and of a day."""
SCRAPES_BEFORE = 40
"""The page is one after so many scrapes: ten minutes."""
BEGAN = 1_699_999_200
"""Seconds since the epoch, where a block begins."""
REQUESTS = (135, 13, 2)
"""Of each status, from one scrape to the next: 10 a second."""
DURATIONS = SHAPES["log-normal"]
SCATTERED = 7919
"""A prime, so that successive requests are all over the shape."""
CLASSIC = "|".join(m.name for m in METRICS.values() if m.scale == "duration")
OF_ROUTES = LabelMatcher("http_route", "!=", "")
KINDS = {
    "classic": LabelMatcher("__name__", "!~", CLASSIC),
    "both": LabelMatcher("__name__", "!=", ""),
    "native": LabelMatcher("__name__", "!~", f"({CLASSIC})_(bucket|count|sum)"),
}
"""The series that a Prometheus stores which has these histograms."""


class Service:
    """A worker's file whose routes have every series of a route in use."""

    def __init__(self, where: Path, routes: int) -> None:
        self._directory = directory.open_shared(str(where))
        self._file = WorkerFile(self._directory, schema(DURATION_BUCKETS), 50 * routes)
        self._collector = Collector(DirectoryReader(self._directory))
        self._routes = [f"/shop/items-{number:02}/{{item_id}}" for number in range(routes)]
        self._requests = 0

    def close(self) -> None:
        """End the worker."""
        self._file.close()
        self._directory.close()

    def use(self) -> Snapshot:
        """Count what happens between two scrapes; the values then."""
        for route in self._routes:
            for name, sets in USED_ROUTE.items():
                for number in range(sets):
                    self._count(METRICS[name], _labels(METRICS[name], route, number), number)
        found = run_to_end(self._collector.collect())
        found.created = dict.fromkeys(found.created, BEGAN * 10**9 + 123_456_789)
        return found

    def _count(self, metric: Metric, labels: tuple[str, ...], number: int) -> None:
        if metric.kind == "gauge":
            self._file.set(metric, labels, 10**9)
        elif metric.kind == "counter":
            self._file.count(metric, labels, self._duration() if metric.divisor > 1 else 1)
        else:
            for _ in range(REQUESTS[number % len(REQUESTS)]):
                self._file.observe(metric, labels, self._duration())

    def _duration(self) -> int:
        self._requests += 1
        return DURATIONS[self._requests * SCATTERED % len(DURATIONS)]


def _labels(metric: Metric, route: str, number: int) -> tuple[str, ...]:
    """The labels of a metric's n-th series of a route."""
    chosen = {
        "http_request_method": "GET",
        "http_route": route,
        "http_response_status_code": ("200", "422", "500")[number % len(REQUESTS)],
        "error_type": "500" if number == len(REQUESTS) - 1 else "",
        "url_scheme": "http",
        "phase": ("queue", "dependencies", "endpoint", "serialization")[number],
        "location": "path",
        "type": "int_parsing",
    }
    return tuple(chosen[name] for name in metric.labels)


@contextmanager
def service(routes: int) -> Iterator[Service]:
    """A service with so many routes in use, in a directory of its own."""
    with tempfile.TemporaryDirectory() as where, closing(Service(Path(where), routes)) as found:
        yield found


def on_the_wire(form: str) -> tuple[int, int]:
    """The bytes that a route adds to a page, as it is and compressed."""
    with service(ROUTES) as few, service(2 * ROUTES) as many:
        for _ in range(SCRAPES_BEFORE):
            snapshots = few.use(), many.use()
    less, more = (_page(form, snapshot) for snapshot in snapshots)
    (plain, packed), (more_plain, more_packed) = _sizes(less), _sizes(more)
    return (more_plain - plain) // ROUTES, (more_packed - packed) // ROUTES


def _page(form: str, snapshot: Snapshot) -> bytes:
    if form == "text":
        return b"".join(prometheus.render(snapshot, ExpositionFormat.OPENMETRICS))
    return b"".join(protobuf.render(snapshot, native=form == "native"))


def _sizes(page: bytes) -> tuple[int, int]:
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return len(page), len(packer.compress(page) + packer.flush())


def scraped() -> History:
    """The scrapes of a block of `ROUTES` routes in use, with both kinds of histograms."""
    found = History(10**9, 1 << 40)
    with service(ROUTES) as source:
        for seconds in range(BEGAN, BEGAN + BLOCK, EVERY):
            snapshot = source.use()
            scrape = Scrape(found, found.stream("shop"), {"job": "shop", "instance": "shop:8000"})
            scrape.read(_page("text", snapshot), MetricMetadata())
            scrape.read_native(snapshot)
            scrape.store(seconds * 1000, Exemplars())
    return found


def stored(history: History, kind: str) -> tuple[int, int]:
    """The series of a route, and the bytes that their samples take on the disk of a Prometheus."""
    readers = history.select([OF_ROUTES, KINDS[kind]], 0, 10**16)
    blocks = [one.block(number) for one in readers for number in range(one.block_count)]
    series = sum(len(block.labels) for block in blocks)
    return series // ROUTES, _on_disk(blocks) // ROUTES


def _on_disk(blocks: list[SampleBlock]) -> int:
    options = NATIVE_HISTOGRAMS, "--web.enable-admin-api"
    with tempfile.TemporaryDirectory() as name:
        where = Path(name, "prometheus")
        with oracle_server(newer("prometheus"), blocks, where, *options) as server:
            done = server.get("admin/tsdb/snapshot")
        if done["status"] != "success":
            raise RuntimeError(done)
        chunks = where.glob("tsdb/snapshots/*/*/chunks/*")
        return sum(each.stat().st_size for each in chunks)


def result() -> str:
    """The table."""
    history = scraped()
    series, disk = zip(*(stored(history, kind) for kind in KINDS), strict=True)
    pages = {form: on_the_wire(form) for form in ("text", "protobuf", "native")}
    plain, packed = (
        [pages["protobuf"][at], pages["native"][at], pages["native"][at]] for at in range(2)
    )
    rows = [
        ("series in Prometheus, and samples of a scrape", *map(_shown, series)),
        ("text, bytes of a scrape", _shown(pages["text"][0]), "", ""),
        ("text, compressed", _shown(pages["text"][1]), "", ""),
        ("protobuf, bytes of a scrape", *map(_shown, plain)),
        ("protobuf, compressed", *map(_shown, packed)),
        (
            "samples of a day on the disk, KiB",
            *(_shown(size * DAY // BLOCK >> 10) for size in disk),
        ),
    ]
    return table(("a route in use", *KINDS), rows)


def _shown(number: int) -> str:
    return f"{number:,}"


if __name__ == "__main__":
    print(result(), end="")
