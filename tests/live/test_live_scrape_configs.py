"""The configurations of `deploy/prometheus/histograms/`, each on a Prometheus that it is for."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]

from sidelight.doctor.histograms import check_histograms
from sidelight.doctor.stored_histograms import stored_kinds
from tests.deploy.artefacts import DEPLOY
from tests.doctor.histogram_pages import NATIVE_PATH, pages
from tests.live.conftest import Serve
from tests.live.newer import newer
from tests.live.prometheus import prometheus, query, tool
from tests.live.servers import eventually

pytestmark = [pytest.mark.live, pytest.mark.newest]

FILES = DEPLOY / "prometheus" / "histograms"
ADDRESS = "127.0.0.1:9464"
PROGRAMS = {"2.42": lambda: tool("prometheus"), "3.5": lambda: newer("prometheus")}
LACKS = "percentiles, lists of routes and `sidelight why` have no data of it"
CONVERTED = f"the histograms of the job 'shop' are converted to native ones (NHCB): {LACKS}"
ONLY = f"the job 'native' has native histograms only: {LACKS}"


def config(file: str, service: int, native: int) -> str:
    """The file's job for a service, and for a page that has native buckets too."""
    found = yaml.safe_load(file.replace(ADDRESS, f"127.0.0.1:{service}"))
    (job,) = found["scrape_configs"]
    targets = [{"targets": [f"127.0.0.1:{native}"]}]
    second = job | {"job_name": "native", "metrics_path": NATIVE_PATH, "static_configs": targets}
    return str(
        yaml.safe_dump({"global": {"scrape_interval": "3s"}, "scrape_configs": [job, second]})
    )


class Case(NamedTuple):
    """A file and a version; what arrives of the service and of the page, and what is wrong."""

    name: str
    version: str
    kinds: str
    of_native: str
    wrong: list[str]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{case.name} {case.version}", marks=marks)
        for case, *marks in (
            (Case("classic.yml", "2.42", "classic", "classic", []), pytest.mark.slow),
            (Case("classic.yml", "3.5", "classic", "classic", []), pytest.mark.slow),
            (Case("native-3.5.yml", "3.5", "classic", "classic native", []),),
            (Case("nhcb.yml", "3.5", "NHCB", "native", [ONLY, CONVERTED]), pytest.mark.slow),
        )
    ],
)
def test_what_arrives(case: Case, uvicorn: Serve, tmp_path: Path) -> None:
    """The flag that the file names is the one that it needs, and the doctor finds nothing else."""
    program, file = PROGRAMS[case.version](), (FILES / case.name).read_text()
    flags = re.findall(r"^# (--enable-feature=\S+)$", file, re.MULTILINE)
    server = uvicorn(1).ready()
    assert server.get("/items/1")[0] == 200
    with (
        pages() as native,
        prometheus(config(file, server.port, native), tmp_path, *flags, program=program) as port,
    ):
        eventually(lambda: len(query(port, "sidelight_build_info")) == 2)
        url = f"http://127.0.0.1:{port}"
        stored = stored_kinds(url)
        said = [one.what for one in check_histograms(url, list(stored)) if one.level != "ok"]
    assert stored == {"shop": set(case.kinds.split()), "native": set(case.of_native.split())}
    assert said == case.wrong
