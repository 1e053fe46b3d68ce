"""Compose's own commands and configuration, with real processes in place of containers."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from tests.deploy.artefacts import DEPLOY, DIRECTORY, PORT, ROOT, compose
from tests.live.servers import PATIENCE, eventually, free_port

pytestmark = pytest.mark.live

TOKEN = "a-token-of-this-test"
SECRET = "/run/secrets/sidelight_token"
Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Start a process that ends with the test, supervisor and workers alike."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*command: str, **env: str) -> None:
        with (tmp_path / f"{len(started)}.log").open("wb") as log:
            started.append(
                subprocess.Popen(
                    command,
                    cwd=tmp_path,
                    env={**os.environ, **env},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    yield start
    for process in reversed(started):
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def get(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Status and body; 0 where nobody answers."""
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
    """Compose's services on ports and in folders of one test."""

    def __init__(self, run: Run, folder: Path) -> None:
        self.run = run
        self.folder = folder
        self.directory = str(folder / "shared" / "shop")
        self.token = folder / "token"
        self.token.write_text(TOKEN + "\n")
        (folder / "shared").mkdir()
        self.shop, self.sidecar, self.prometheus = free_port(), free_port(), free_port()

    def own(self, text: str) -> str:
        """What compose says, with this test's places for those of the containers."""
        for theirs, ours in {
            DIRECTORY: self.directory,
            SECRET: str(self.token),
            f"sidecar:{PORT}": f"127.0.0.1:{self.sidecar}",
            f"0.0.0.0:{PORT}": f"127.0.0.1:{self.sidecar}",
        }.items():
            text = text.replace(theirs, ours)
        return text

    def start_sidecar(self) -> None:
        """With compose's command line."""
        program, *words = map(self.own, compose()["sidecar"]["command"])
        self.run(str(Path(sys.executable).with_name(program)), *words)
        eventually(lambda: get(self.sidecar, "/healthz")[0] == 200)

    def start_shop(self) -> None:
        """With compose's command line and environment, on an address of this machine."""
        program, *words = compose()["shop"]["command"]
        words[words.index("--host") + 1] = "127.0.0.1"
        words[words.index("--port") + 1] = str(self.shop)
        words += ["--app-dir", str(ROOT / "examples" / "shop")]
        env = {key: self.own(value) for key, value in compose()["shop"]["environment"].items()}
        self.run(sys.executable, "-m", program, *words, **env)
        eventually(lambda: get(self.shop, "/health")[0] == 200)

    def start_prometheus(self, program: str) -> None:
        """With compose's configuration, but scraping each second."""
        text = self.own((DEPLOY / "prometheus" / "prometheus.yml").read_text())
        for slow, quick in {"15s": "1s", "10s": "1s"}.items():
            text = text.replace(slow, quick)
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

    def page(self) -> str:
        """The sidecar's page, by the name compose gives it."""
        headers = {"Host": f"sidecar:{PORT}", "Authorization": f"Bearer {TOKEN}"}
        status, text = get(self.sidecar, "/metrics", headers)
        assert status == 200, text
        return text

    def query(self, expression: str) -> list[str]:
        """The values Prometheus answers."""
        quoted = urllib.parse.quote(expression)
        status, text = get(self.prometheus, f"/api/v1/query?query={quoted}")
        if status != 200:
            return []
        return [row["value"][1] for row in json.loads(text)["data"]["result"]]


@pytest.fixture
def machine(run: Run, tmp_path: Path) -> Machine:
    return Machine(run, tmp_path)


def test_the_sidecar_runs_by_composes_command(machine: Machine) -> None:
    """Probes need no token, the page does, and only the allowed name or an address is served."""
    machine.start_sidecar()
    assert get(machine.sidecar, "/readyz")[0] == 200
    assert get(machine.sidecar, "/metrics")[0] == 401
    assert "sidelight_scrape_duration_seconds" in machine.page()
    foreign = {"Host": "shop.example", "Authorization": f"Bearer {TOKEN}"}
    assert get(machine.sidecar, "/metrics", foreign)[0] == 421


def test_who_comes_first_makes_the_directory_right(machine: Machine) -> None:
    """Below the mount the directory gets mode 2770, and the group may read the shop's files."""
    machine.start_sidecar()
    machine.start_shop()
    made = Path(machine.directory)
    assert made.stat().st_mode & 0o7777 == 0o2770
    files = eventually(lambda: list(made.glob("*.worker")))
    assert {file.stat().st_mode & 0o7777 for file in files} == {0o640}


def test_the_shop_is_seen_through_the_sidecar_alone(machine: Machine) -> None:
    """All requests of all workers are on the sidecar's page, and the shop has none of its own."""
    machine.start_sidecar()
    machine.start_shop()
    assert get(machine.shop, "/metrics")[0] == 404
    for _ in range(40):
        assert get(machine.shop, "/health")[0] == 200
    counted = sum(
        float(line.rpartition(" ")[2])
        for line in machine.page().splitlines()
        if line.startswith("http_server_request_duration_seconds_count{")
        and 'http_route="/health"' in line
        and 'status_code="200"' in line
    )
    assert counted >= 41
    eventually(lambda: 'sidelight_workers{state="serving"} 4' in machine.page())


def test_prometheus_scrapes_it_by_composes_configuration(machine: Machine) -> None:
    """A real Prometheus finds the sidecar up, by its token, under the service's name."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed (Debian: apt install prometheus)")
    machine.start_sidecar()
    machine.start_shop()
    machine.start_prometheus(program)
    eventually(lambda: machine.query('up{job="shop"} == 1'))
    count = "http_server_request_duration_seconds_count"
    route = f'sum({count}{{job="shop",http_route="/health"}}) > 0'
    assert eventually(lambda: machine.query(route))
