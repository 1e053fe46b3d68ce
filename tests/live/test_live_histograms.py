"""Every combination of version, features and options: what arrives, and what the doctor says."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import pytest

from sidelight.doctor.finding import ok
from sidelight.doctor.histograms import check_histograms
from sidelight.doctor.loaded_rules import DURATIONS
from sidelight.doctor.loaded_rules import jobs as measured_jobs
from sidelight.doctor.scrape_config import scrape_options
from sidelight.doctor.scrapes import check_scrapes
from sidelight.doctor.stored_histograms import stored_kinds
from tests.doctor.histogram_table import FEATURES, OPTIONS, TABLES, Job, jobs
from tests.live.conftest import Serve
from tests.live.newer import newer
from tests.live.prometheus import prometheus, query, tool
from tests.live.servers import eventually
from tests.live.sidecars import Sidecar
from tests.live.victoria_metrics import victoria_metrics

pytestmark = [pytest.mark.live, pytest.mark.newest, pytest.mark.slow]
pytest.importorskip("yaml")

CASES = [
    pytest.param(
        version,
        list(rows),
        id=f"{version} {' '.join(features)}".strip(),
    )
    for version in TABLES
    for features, rows in groupby(jobs(version), lambda job: job.features)
]
OF_SIDECARS = [case for case in CASES if case.id in {"2.42 native", "3.5", "3.5 native"}]
PROGRAMS = {"2.42": lambda: tool("prometheus"), "3.5": lambda: newer("prometheus")}


def config(rows: Sequence[Job], classic: int, native: int) -> str:
    """A job for each row, which scrapes one of two ports."""
    parts = ["global: {scrape_interval: 3s}", "scrape_configs:"]
    for job in rows:
        parts.append(f"  - job_name: {job.name}")
        parts += [f"    {OPTIONS[option]}" for option in job.options]
        port = native if job.native else classic
        parts.append(f'    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]')
    return "\n".join(parts)


@pytest.fixture
def ports(uvicorn: Serve) -> tuple[int, int]:
    """A service that has served requests, and one with native histograms."""
    servers = uvicorn(1), uvicorn(1, SIDELIGHT_NATIVE_HISTOGRAMS="1")
    for server in servers:
        assert server.ready().get("/items/1")[0] == 200
    return servers[0].port, servers[1].port


@pytest.fixture
def sidecar_ports(uvicorn: Serve, tmp_path: Path) -> Iterator[tuple[int, int]]:
    """A sidecar without native histograms of a service with them, and one the other way round."""
    with ExitStack() as parts:
        found = []
        for native in (False, True):
            where = tmp_path / f"sidecar-{native}"
            of = {"SIDELIGHT_DIR": str(where), "SIDELIGHT_NATIVE_HISTOGRAMS": str(int(not native))}
            assert uvicorn(1, **of).ready().get("/items/1")[0] == 200
            own = {"SIDELIGHT_NATIVE_HISTOGRAMS": str(int(native))}
            found.append(parts.enter_context(Sidecar(where, tmp_path, **own)).port)
        yield found[0], found[1]


@pytest.mark.parametrize(("version", "rows"), CASES)
def test_what_arrives_and_what_is_said(
    version: str, rows: list[Job], ports: tuple[int, int], tmp_path: Path
) -> None:
    """Nothing is lost without a finding, and the options foretell what arrives."""
    check(version, rows, ports, tmp_path)


@pytest.mark.parametrize(("version", "rows"), OF_SIDECARS)
def test_a_sidecar_is_as_a_service(
    version: str, rows: list[Job], sidecar_ports: tuple[int, int], tmp_path: Path
) -> None:
    """What arrives from a sidecar, and what is said, depends on its own setting in the same way."""
    check(version, rows, sidecar_ports, tmp_path)


def check(version: str, rows: list[Job], ports: tuple[int, int], tmp_path: Path) -> None:
    """What arrives from both ports, what the options foretell, and what the doctor says."""
    features = [FEATURES[name] for name in rows[0].features]
    flags = [f"--enable-feature={','.join(features)}"] if features else []
    scraped = [job for job in rows if job.says != "refused"]
    program = PROGRAMS[version]()
    with prometheus(config(rows, *ports), tmp_path, *flags, program=program) as port:
        eventually(lambda: len(query(port, "sidelight_build_info")) == len(scraped))
        url = f"http://127.0.0.1:{port}"
        stored, options, served = (
            stored_kinds(url),
            scrape_options(url),
            measured_jobs(url, names=DURATIONS),
        )
        said = [f"{one.level:<4}  {one.what}" for one in check_scrapes(url)]
    names = [job.name for job in rows]
    expected = {job.name: set(job.kinds) for job in rows}
    assert {name: stored.get(name, set()) for name in names} == expected
    assert served == sorted(stored)
    foretold = {job.name: set(options[job.name].stored(native=job.native)) for job in rows}
    assert foretold == expected
    for job in rows:
        assert [line for line in said if line.startswith(job.begins)], (job, said)
    of_histograms = [line for line in said if "histograms" in line]
    assert len(of_histograms) == len({job.begins for job in rows})


def test_victoria_metrics(ports: tuple[int, int], tmp_path: Path) -> None:
    """It never asks for protobuf, and has no flags that the doctor could read."""
    job = Job((), (), native=True, kinds=("classic",), says="ok")
    file = tmp_path / "scrape.yml"
    file.write_text(config([job], *ports).replace("3s", "1s"))
    with victoria_metrics(tmp_path, f"-promscrape.config={file}") as port:
        eventually(lambda: query(port, "sidelight_build_info"))
        said = list(check_histograms(f"http://127.0.0.1:{port}", [job.name]))
    assert said == [ok(f"the job {job.name!r} has classic histograms")]
