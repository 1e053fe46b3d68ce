"""The commands and configuration of compose, with processes in place of containers."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.deploy.artefacts import DEPLOY, DIRECTORY, PORT, ROOT, compose
from tests.live.servers import PATIENCE, eventually, free_port

pytestmark = [pytest.mark.live, pytest.mark.xdist_group("compose")]

TOKEN = "a-token-of-this-test"
SECRET = "/run/secrets/sidelight_token"
Run = Callable[..., None]


@contextmanager
def running(folder: Path) -> Iterator[Run]:
    """Starts processes that end with the context, supervisor and workers alike."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, **env: str) -> None:
        with (folder / f"{len(started)}.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    command,
                    cwd=folder,
                    env={**os.environ, **env},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    try:
        yield start
    finally:
        for process in reversed(started):
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(PATIENCE)


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Status and body; 0 if nothing listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        response = connection.getresponse()
        return response.status, response.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


class Machine:
    """The services of compose on ports and in folders of these tests."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.folder = folder
        self.directory = str(folder / "shared" / "shop")
        self.token = folder / "token"
        self.token.write_text(TOKEN + "\n")
        (folder / "shared").mkdir()
        self.shop, self.sidecar, self.prometheus = free_port(), free_port(), free_port()

    def localized(self, text: str) -> str:
        """Text of compose, with paths and addresses of these tests in place of the containers'."""
        for container, local in {
            DIRECTORY: self.directory,
            SECRET: str(self.token),
            f"sidecar:{PORT}": f"127.0.0.1:{self.sidecar}",
            f"0.0.0.0:{PORT}": f"127.0.0.1:{self.sidecar}",
        }.items():
            text = text.replace(container, local)
        return text

    def start_sidecar(self) -> None:
        """By the command line of compose."""
        program, *words = map(self.localized, compose()["sidecar"]["command"])
        self.run(str(Path(sys.executable).with_name(program)), *words)
        eventually(lambda: get(self.sidecar, "/healthz")[0] == 200)

    def start_shop(self) -> None:
        """By the command line and environment of compose, on an address of this machine."""
        program, *words = compose()["shop"]["command"]
        words[words.index("--host") + 1] = "127.0.0.1"
        words[words.index("--port") + 1] = str(self.shop)
        words += ["--app-dir", str(ROOT / "examples" / "shop")]
        env = {
            key: self.localized(value) for key, value in compose()["shop"]["environment"].items()
        }
        self.run(sys.executable, "-m", program, *words, **env)
        eventually(lambda: get(self.shop, "/health")[0] == 200)

    def start_prometheus(self, program: str) -> None:
        """With the configuration of compose, but a scrape each second."""
        text = self.localized((DEPLOY / "prometheus" / "prometheus.yml").read_text())
        for long, short in {"15s": "1s", "10s": "1s"}.items():
            text = text.replace(long, short)
        config = self.folder / "prometheus.yml"
        config.write_text(text)
        listen = f"127.0.0.1:{self.prometheus}"
        data = self.folder / "tsdb"
        self.run(
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            f"--web.listen-address={listen}",
        )

    def metrics(self) -> str:
        """The metrics of the sidecar, by its host name in compose."""
        headers = {"Host": f"sidecar:{PORT}", "Authorization": f"Bearer {TOKEN}"}
        status, text = get(self.sidecar, "/metrics", headers)
        assert status == 200, text
        return text

    def query(self, expression: str) -> list[str]:
        """The values that Prometheus returns."""
        quoted = urllib.parse.quote(expression)
        status, text = get(self.prometheus, f"/api/v1/query?query={quoted}")
        if status != 200:
            return []
        return [row["value"][1] for row in json.loads(text)["data"]["result"]]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose sidecar starts first, then the shop."""
    folder = tmp_path_factory.mktemp("machine")
    with running(folder) as run:
        machine = Machine(run, folder)
        machine.start_sidecar()
        assert get(machine.sidecar, "/readyz")[0] == 200  # without a shop
        machine.start_shop()
        yield machine


def test_the_sidecar_runs_by_the_command_of_compose(machine: Machine) -> None:
    """Probes need no token, metrics do; only the allowed host name or an address is served."""
    assert get(machine.sidecar, "/metrics")[0] == 401
    assert "sidelight_scrape_duration_seconds" in machine.metrics()
    foreign = {"Host": "shop.example", "Authorization": f"Bearer {TOKEN}"}
    assert get(machine.sidecar, "/metrics", foreign)[0] == 421


def test_the_directory_that_the_sidecar_makes_suits_both(machine: Machine) -> None:
    """The directory below the mount has mode 2770, and the group may read the shop's files."""
    made = Path(machine.directory)
    assert made.stat().st_mode & 0o7777 == 0o2770
    files = eventually(lambda: list(made.glob("*.worker")))
    assert {file.stat().st_mode & 0o7777 for file in files} == {0o640}


def test_only_the_sidecar_exposes_the_metrics(machine: Machine) -> None:
    """The sidecar has all requests of all workers, and the shop has no metrics endpoint."""
    assert get(machine.shop, "/metrics")[0] == 404
    before = requests(machine)
    for _ in range(40):
        assert get(machine.shop, "/health")[0] == 200
    assert before >= 1  # of start_shop
    assert requests(machine) == before + 40
    eventually(lambda: 'sidelight_workers{state="serving"} 4' in machine.metrics())


def requests(machine: Machine) -> float:
    """The successful requests of one route, by the metrics of the sidecar."""
    return sum(
        float(line.rpartition(" ")[2])
        for line in machine.metrics().splitlines()
        if line.startswith("http_server_request_duration_seconds_count{")
        and 'http_route="/health"' in line
        and 'status_code="200"' in line
    )


def test_prometheus_scrapes_by_the_configuration_of_compose(machine: Machine) -> None:
    """A real Prometheus finds the sidecar up, with its token, under the name of the service."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian: apt install prometheus)")
    machine.start_prometheus(program)
    eventually(lambda: machine.query('up{job="shop"} == 1'))
    count = "http_server_request_duration_seconds_count"
    route = f'sum({count}{{job="shop",http_route="/health"}}) > 0'
    assert eventually(lambda: machine.query(route))
