"""The configurations of `deploy/prometheus/histograms/`, each on a Prometheus that it is for."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from sidelight.doctor.histograms import check_histograms
from sidelight.doctor.stored_histograms import stored_kinds
from tests.deploy.artefacts import DEPLOY
from tests.live.conftest import Serve
from tests.live.newer import newer
from tests.live.prometheus import prometheus, query, tool
from tests.live.servers import eventually

pytestmark = [pytest.mark.live, pytest.mark.newest]

FILES = DEPLOY / "prometheus" / "histograms"
PROGRAMS = {"2.42": lambda: tool("prometheus"), "3.5": lambda: newer("prometheus")}
LACKS = "percentiles, mean phases and upstreams in the dashboards have no data of it"
CONVERTED = f"the histograms of the job 'shop' are converted to native ones (NHCB): {LACKS}"
ONLY = f"the job 'native' has native histograms only: {LACKS}"


def config(file: str, **services: int) -> str:
    """The file's job, for each service by its name and port."""
    (job,) = yaml.safe_load(file)["scrape_configs"]
    jobs = [
        job | {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        for name, port in services.items()
    ]
    return str(yaml.safe_dump({"global": {"scrape_interval": "3s"}, "scrape_configs": jobs}))


class Case(NamedTuple):
    """A file and a version; what arrives of a service, and of one with native histograms."""

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
    shop, native = uvicorn(1), uvicorn(1, SIDELIGHT_NATIVE_HISTOGRAMS="1")
    for server in (shop, native):
        assert server.ready().get("/items/1")[0] == 200
    found = config(file, shop=shop.port, native=native.port)
    with prometheus(found, tmp_path, *flags, program=program) as port:
        eventually(lambda: len(query(port, "sidelight_build_info")) == 2)
        url = f"http://127.0.0.1:{port}"
        stored = stored_kinds(url)
        said = [one.what for one in check_histograms(url, list(stored)) if one.level != "ok"]
    assert stored == {"shop": set(case.kinds.split()), "native": set(case.of_native.split())}
    assert said == case.wrong
