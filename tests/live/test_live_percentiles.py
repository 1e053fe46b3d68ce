"""How exact percentiles are: five shapes of durations, recorded by 4 workers, in real Prometheuses.

What it answers is the table of `docs/histograms.md`.
"""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from sidelight.contract import DURATION, DURATION_BUCKETS
from sidelight.store.schema import schema
from sidelight.store.writer import WorkerFile
from tests.live.conftest import Serve
from tests.live.counting import scrape, settle, value
from tests.live.newer import newer
from tests.live.percentile_table import PERCENTILES, ROOT, TABLE, against, rows
from tests.live.prometheus import prometheus, query, tool
from tests.live.servers import Server, eventually
from tests.live.shape_job import NAME, RECORDED, Job
from tests.live.shaped import WORKERS, record
from tests.live.shapes import EDGES, SHAPES, percentile
from tests.live.sidecars import Sidecar
from tests.processes import Forked
from tests.store.driving import shared

pytestmark = [pytest.mark.live, pytest.mark.newest]

BUCKET = 2 ** (1 / 8) - 1
"""How much a boundary of a native histogram is above the one before: 9 %."""
NATIVE = "--enable-feature=native-histograms"
BOTH = {"always_scrape_classic_histograms": True}
TEXT = {"scrape_protocols": ["PrometheusText0.0.4"]}
PAGES = "service", "sidecar"
HISTORY_JOB = "history"
HISTORY = "--history-step", "1s", "--job", HISTORY_JOB


class Scraped(NamedTuple):
    """A service of 4 workers, its sidecar, and 4 more workers that recorded the shapes."""

    server: Server
    sidecar: Sidecar
    recorders: list[Forked]

    def config(self, options: Mapping[str, object], twin: Mapping[str, object]) -> str:
        """Jobs for the pages of both, each beside a twin with other options."""
        pages = {"service": self.server.port, "sidecar": self.sidecar.port}
        jobs = [
            {
                "job_name": f"{name}{suffix}",
                "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
                **chosen,
            }
            for name, port in pages.items()
            for suffix, chosen in (("", options), ("-text", twin))
        ]
        return json.dumps({"global": {"scrape_interval": "2s"}, "scrape_configs": jobs})

    def kill(self) -> None:
        """End all that recorded, and a worker of the service, without a warning."""
        for each in self.recorders:
            os.kill(each.pid, signal.SIGKILL)
        self.server.kill(self.server.workers()[0])
        settle(self.sidecar, WORKERS)


@pytest.fixture
def scraped(uvicorn: Serve, store: Path, tmp_path: Path) -> Iterator[Scraped]:
    """All shapes are on both pages."""
    options = {"SIDELIGHT_DIR": str(store), "SIDELIGHT_NATIVE_HISTOGRAMS": "1"}
    server = uvicorn(WORKERS, **options).ready()
    with ExitStack() as parts:
        recorders = []
        for part in range(WORKERS):
            command = "tests.live.shaped", str(store), str(part)
            log = tmp_path / f"recorder-{part}.log"
            recorders.append(Forked(command, dict(os.environ), ROOT, log))
            parts.callback(recorders[-1].kill)
        native = {"SIDELIGHT_NATIVE_HISTOGRAMS": "1"}
        sidecar = parts.enter_context(Sidecar(store, tmp_path, *HISTORY, **native))
        settle(sidecar, 2 * WORKERS)
        last = f"/{list(EDGES)[-1]}"
        eventually(lambda: value(scrape(sidecar), f"{NAME}_count", http_route=last) == WORKERS)
        yield Scraped(server, sidecar, recorders)


def check_percentiles(job: Job) -> None:
    """Each is in the bucket of the exact one; the worst of four shapes is within 5 %."""
    worst = {
        name: max(abs(job.native(q)[name] / percentile(name, q) - 1) for q in PERCENTILES)
        for name in SHAPES
    }
    assert max(worst.values()) <= BUCKET, worst
    assert sorted(worst.values())[3] <= 0.05, worst


def wait_up(port: int) -> None:
    """Each page has been scraped in both ways."""
    eventually(lambda: len(query(port, "up == 1")) == 2 * len(PAGES))


def check(port: int) -> None:
    """Counts, percentiles and classic series, of both pages."""
    wait_up(port)
    for name in PAGES:
        job, text = Job(port, name), Job(port, f"{name}-text")
        eventually(lambda job=job: job.native_count == job.classic_count == RECORDED)  # type: ignore[misc] # mypy infers no lambda with a default
        check_percentiles(job)
        found = rows(job)
        assert found == TABLE, "\n".join(found)
        eventually(lambda job=job, text=text: job.series == text.series)  # type: ignore[misc] # mypy infers no lambda with a default
        assert not text.native_count
        assert job.series_of_each == dict.fromkeys(RECORDED, 18)
        assert text.series_of_each == dict.fromkeys(RECORDED, 17)


def test_percentiles_of_five_shapes(scraped: Scraped, tmp_path: Path) -> None:
    """By both pages they are within one bucket of the exact ones, before and after kills."""
    program = newer("prometheus")
    with prometheus(scraped.config(BOTH, TEXT), tmp_path, NATIVE, program=program) as port:
        check(port)
        scraped.kill()
        died = f'sidelight_worker_exits_total{{how="died"}} == {WORKERS + 1}'
        eventually(lambda: len(query(port, died)) == 2 * len(PAGES))
        check(port)
        for name in PAGES:
            assert Job(port, name).resets == [0, 0, 0, 0]
            check_edges(Job(port, name))


def check_history(job: Job) -> None:
    """Counts, percentiles and the number of series in the sidecar's own history."""
    eventually(lambda: job.native_count == job.classic_count == RECORDED)
    check_percentiles(job)
    assert rows(job) == TABLE
    assert job.series_of_each == dict.fromkeys(RECORDED, 18)


def test_percentiles_of_the_sidecars_history(scraped: Scraped) -> None:
    """The sidecar's own history answers as a Prometheus that stores both kinds of histogram."""
    job = Job(scraped.sidecar.port, HISTORY_JOB)
    check_history(job)
    scraped.kill()
    died = f'sidelight_worker_exits_total{{how="died"}} == {WORKERS + 1}'
    eventually(lambda: len(query(scraped.sidecar.port, died)) == 1)
    check_history(job)
    assert job.resets == [0, 0, 0, 0]
    check_edges(job)


class Rates(Job):
    """The requests of the last minutes, as dashboards and rules ask for them."""

    def newest(self, name: str) -> str:
        return super().newest(name).replace("last_over_time", "rate")


def test_percentiles_of_the_last_minutes(store: Path, tmp_path: Path) -> None:
    """Of what the sidecar's history has seen happen, they are as exact."""
    with (
        Sidecar(store, tmp_path, *HISTORY, SIDELIGHT_NATIVE_HISTOGRAMS="1") as sidecar,
        closing(shared(store)) as where,
        closing(WorkerFile(where, schema(DURATION_BUCKETS), 100)) as file,
    ):
        job, rates = Job(sidecar.port, HISTORY_JOB), Rates(sidecar.port, HISTORY_JOB)
        for name in SHAPES:  # in another bucket than all others
            file.observe(DURATION, ("GET", f"/{name}", "200", "", "http"), 1)
        eventually(lambda: job.native_count == dict.fromkeys(SHAPES, 1))
        for part in range(WORKERS):
            record(file, part)
        eventually(lambda: job.native_count == {n: c + (n in SHAPES) for n, c in RECORDED.items()})
        check_percentiles(rates)


def check_edges(job: Job) -> None:
    """What Prometheus makes of the zero bucket, of one above 2^7 s, and of the last one."""
    lower, upper = job.native(0.0), job.native(1.0)
    assert {name: (lower[name], upper[name]) for name in EDGES} == {
        "zero": (-(2**-13), 2**-13),
        "coarse": (pytest.approx(2 ** (79 / 8)), 1024),
        "beyond": (2**15, pytest.approx(2 ** (121 / 8))),
    }


@pytest.mark.slow
def test_the_text_of_prometheus_2(scraped: Scraped, tmp_path: Path) -> None:
    """A Prometheus 2.42 has the classic histograms as it had them without native ones."""
    with prometheus(scraped.config({}, {}), tmp_path, program=tool("prometheus")) as port:
        wait_up(port)
        for name in PAGES:
            job = Job(port, name)
            eventually(lambda job=job: job.classic_count == RECORDED)  # type: ignore[misc] # mypy infers no lambda with a default
            assert job.native_count == {}
            of_classic = {
                (shape, f"p{q * 100:.0f}"): against(job.classic(q)[shape], percentile(shape, q))
                for shape in SHAPES
                for q in PERCENTILES
            }
            cells = [[cell.strip() for cell in row.split("|")] for row in TABLE]
            assert of_classic == {(row[1], row[2]): row[4] for row in cells}
