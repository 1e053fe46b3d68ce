"""Real Prometheuses scrape in protobuf what they scrape as text: it is all the same."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import NamedTuple

import pytest

from sidelight import client_model
from sidelight.text_format import ExpositionFormat
from tests.export import accept_headers
from tests.export.protobuf_page import le
from tests.live.conftest import Serve
from tests.live.counting import DURATION_COUNT, scrape, settle, value
from tests.live.forwarding import Exchange, forwarding
from tests.live.newer import newer
from tests.live.prometheus import prometheus, query, tool
from tests.live.prometheus_api import get, vector
from tests.live.servers import Server, eventually
from tests.live.sidecars import Sidecar
from tests.serving import serving

pytest.importorskip("prometheus_client")
pytestmark = [pytest.mark.live, pytest.mark.newest]

ASKED = {
    "text": ExpositionFormat.TEXT.value,
    "openmetrics": ExpositionFormat.OPENMETRICS.value,
    "protobuf": "",
}
"""What is asked for in each job; in that of protobuf it is what Prometheus asks for by itself."""
COUNTS = '__name__=~"(http_server_request_duration|shop|custom).*"'
NATIVE = "native-histograms,exemplar-storage"
Labels = frozenset[tuple[str, str]]


class Asking(NamedTuple):
    """How a Prometheus is run, a line of its jobs, and the ``Accept`` that it then sends."""

    newest: bool
    features: str
    line: str
    accept: str


ASKING = {
    "2.42": Asking(False, NATIVE, "", accept_headers.PROMETHEUS_2_NATIVE),
    "3.5": Asking(
        True,
        "exemplar-storage",
        "    scrape_protocols: [PrometheusProto]\n",
        accept_headers.PROMETHEUS_3_ONLY_PROTOBUF,
    ),
    "3.5, native histograms": Asking(True, NATIVE, "", accept_headers.PROMETHEUS_3_NATIVE),
}


class Scraping(NamedTuple):
    """A Prometheus that scrapes a service and its sidecar in each format."""

    port: int
    exchanges: dict[str, list[Exchange]]

    def series(self, job: str, match: str = "") -> dict[Labels, float]:
        """The values of a job's series now, without what tells jobs apart."""
        found = vector(self.port, f'{{job="{job}",{match}}}')
        return {
            frozenset(pair for pair in labels if pair[0] not in {"job", "instance"}): number
            for labels, number in found.items()
        }

    def exemplars(self, job: str) -> dict[Labels, list[tuple[dict[str, str], float]]]:
        """The exemplars of a job, by series, in the order of their times."""
        now = time.time()
        fields = ("query", f'{{{COUNTS},job="{job}"}}'), ("start", now - 600), ("end", now + 600)
        rows = get(self.port, "query_exemplars", *((k, str(v)) for k, v in fields)).data
        return {
            frozenset(p for p in row["seriesLabels"].items() if p[0] not in {"job", "instance"}): [
                (one["labels"], float(one["value"])) for one in row["exemplars"]
            ]
            for row in rows
        }


@contextmanager
def scraping(asking: Asking, server: Server, sidecar: Server, where: Path) -> Iterator[Scraping]:
    """Prometheus, with a job for each format of both."""
    ports: dict[str, int] = {}
    exchanges: dict[str, list[Exchange]] = {}
    with ExitStack() as parts:
        for name, accept in ASKED.items():
            for job, each in ((name, server), (f"sidecar-{name}", sidecar)):
                ports[job], exchanges[job] = parts.enter_context(forwarding(each, accept))
        program = newer("prometheus") if asking.newest else tool("prometheus")
        features = f"--enable-feature={asking.features}"
        text = config(ports, asking.line)
        port = parts.enter_context(prometheus(text, where, features, program=program))
        yield Scraping(port, exchanges)


def use(server: Server) -> int:
    """Requests of the service, which also count metrics of its own; their number."""
    for price in (0.5, 5, 50, 500):
        assert server.get(f"/orders/book?price={price}", "POST")[0] == 200
    assert server.get("/orders/book", "POST")[0] == 422
    return 5


@pytest.mark.parametrize(
    "version",
    [pytest.param(each, marks=[] if "native" in each else [pytest.mark.slow]) for each in ASKING],
)
def test_what_arrives_is_the_same(
    uvicorn: Serve, store: Path, tmp_path: Path, version: str
) -> None:
    """Series, counts and exemplars of 2 workers, by the service's own page and by the sidecar's."""
    asking = ASKING[version]
    server = uvicorn(2, "app_metrics:app", SIDELIGHT_DIR=str(store)).ready()
    with ExitStack() as parts:
        sidecar = parts.enter_context(Sidecar(store, tmp_path))
        settle(sidecar, 2)
        requests = use(server)
        for each in (server, sidecar):  # what a worker says of its own metrics is a second old
            eventually(lambda each=each: value(scrape(each), "shop_orders_total") == 4)  # type: ignore[misc] # mypy infers no lambda with a default
        found = parts.enter_context(scraping(asking, server, sidecar, tmp_path))
        eventually(lambda: len(query(found.port, "up == 1")) == 2 * len(ASKED))
        orders = f'sum({DURATION_COUNT}{{http_route="/orders/{{kind}}"}}) by (job)'
        counted = [{"value": str(requests)}] * 2 * len(ASKED)
        eventually(
            lambda: [{"value": row["value"][1]} for row in query(found.port, orders)] == counted
        )
        for prefix in ("", "sidecar-"):
            check_same(found, prefix, normalized=not asking.newest)
        eventually(lambda: len(query(found.port, "up == 1")) == 2 * len(ASKED))  # none is refused
    for prefix in ("", "sidecar-"):
        accepted, types = zip(*found.exchanges[f"{prefix}protobuf"], strict=True)
        assert set(accepted) == {asking.accept}
        assert {one.partition("; escaping")[0] for one in types} == {
            ExpositionFormat.PROTOBUF.value
        }


def check_same(found: Scraping, prefix: str, *, normalized: bool) -> None:
    """The job of protobuf has what that of the text has, and the exemplars of OpenMetrics."""

    def series(name: str, match: str = "") -> dict[Labels, float]:
        values = found.series(prefix + name, match)
        return normal(values) if normalized else values

    eventually(lambda: series("protobuf").keys() == series("text").keys())
    eventually(lambda: series("protobuf", COUNTS) == series("text", COUNTS))
    assert len(series("protobuf")) > 200
    expected = found.exemplars(prefix + "openmetrics")
    assert len(expected) >= 4
    assert found.exemplars(prefix + "protobuf") == expected


def normal(values: dict[Labels, float]) -> dict[Labels, float]:
    """Boundaries written alike: Prometheus 2 keeps those of a text as they are."""
    return {
        frozenset((k, le(float(v)) if k == "le" else v) for k, v in labels): number
        for labels, number in values.items()
    }


@pytest.mark.slow
def test_native_buckets_are_read(tmp_path: Path) -> None:
    """Prometheus has the counts, the sum and the boundaries of a native histogram as encoded."""
    native = client_model.NativeBuckets(3, 2.0**-13, 1, ((-8, 2), (6, 1)), (300, -299, 0))
    value = client_model.histogram((1, 303), 302.5, (0.25, math.inf), native=native)
    labels = client_model.label_pairs([("route", "/é")])
    page = client_model.family(
        "waits", "histogram", "Waits.", "", [client_model.metric(labels, value)]
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", ExpositionFormat.PROTOBUF.value)
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    feature, program = "--enable-feature=native-histograms", newer("prometheus")
    with (
        serving(Handler) as target,
        prometheus(config({"waits": target}), tmp_path, feature, program=program) as port,
    ):
        eventually(lambda: query(port, "waits"))
        (row,) = query(port, 'waits{route="/é"}')
    _when, found = row["histogram"]
    assert (found["count"], found["sum"]) == ("303", "302.5")
    buckets = [(float(low), float(high), count) for _, low, high, count in found["buckets"]]
    # Of schema 3 each boundary is 2^(1/8) times the one before, and 1 is one of them.
    assert buckets == [
        (-(2.0**-13), 2.0**-13, "1"),
        (pytest.approx(2 ** (-9 / 8)), 0.5, "300"),
        (0.5, pytest.approx(2 ** (-7 / 8)), "1"),
        (pytest.approx(2 ** (-1 / 8)), 1.0, "1"),
    ]


@pytest.mark.parametrize("served_by", ["worker", pytest.param("sidecar", marks=pytest.mark.slow)])
def test_native_histograms_arrive_with_the_setting(
    uvicorn: Serve, store: Path, tmp_path: Path, served_by: str
) -> None:
    """Of 2 workers, a worker's page and the sidecar's have native histograms with every request."""
    options = {"SIDELIGHT_DIR": str(store), "SIDELIGHT_NATIVE_HISTOGRAMS": "1"}
    server = uvicorn(2, "app_metrics:app", **options).ready()
    feature, program = "--enable-feature=native-histograms", newer("prometheus")
    both = "    always_scrape_classic_histograms: true\n"
    with Sidecar(store, tmp_path, SIDELIGHT_NATIVE_HISTOGRAMS="1") as sidecar:
        settle(sidecar, 2)
        requests = use(server)
        jobs = {"shop": (server if served_by == "worker" else sidecar).port}
        with prometheus(config(jobs, both), tmp_path, feature, program=program) as port:
            name = DURATION_COUNT.removesuffix("_count")
            orders = '{http_route="/orders/{kind}"}'
            native = f"sum(histogram_count({name}{orders}))"
            eventually(lambda: _number(port, native) == requests)
            assert _number(port, f"sum({name}_count{orders})") == requests
            total = _number(port, f"sum({name}_sum{orders})")
            assert _number(port, f"sum(histogram_sum({name}{orders}))") == pytest.approx(total)
            (row,) = query(port, f"sum({name}{orders})")
            _when, found = row["histogram"]
            assert sum(float(count) for *_, count in found["buckets"]) == requests


def _number(port: int, expression: str) -> float:
    """The value of a query, or -1 where there is none."""
    found = query(port, expression)
    return float(found[0]["value"][1]) if found else -1.0


def config(ports: Mapping[str, int], line: str = "") -> str:
    """The configuration of a Prometheus with a job for each port."""
    jobs = (
        f"  - job_name: {name}\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n{line}"
        for name, port in ports.items()
    )
    return "global: {scrape_interval: 1s}\nscrape_configs:\n" + "".join(jobs)
