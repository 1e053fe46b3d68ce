"""A real Prometheus with our rules, the servers it scrapes, and load for them."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from functools import partial
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sidelight.slo import config, objectives, rules
from sidelight.slo.context import RuleContext
from tests.dashboards.reading import ROOT
from tests.live.prometheus import ITSELF, query
from tests.live.prometheus import prometheus as scraping
from tests.live.servers import PATIENCE, Server, eventually, of_uvicorn
from tests.live.sidecars import Sidecar

SHOP = ROOT / "examples" / "shop"
SERVICES = Path(__file__).parent / "services"
OBJECTIVES = """\
service = "shop"
[slo]
availability = "99.9%"
latency = "5% < 10ms"
[[slo.route]]
match = "POST /orders/checkout"
availability = "99%"
latency = "30% < 300ms"
"""
Jobs = Mapping[str, Sequence[int | str]]


@contextmanager
def prometheus(jobs: Jobs, where: Path) -> Iterator[int]:
    """A Prometheus that scrapes these ports and evaluates our rules each second."""
    config = _config({**jobs, "prometheus": [ITSELF]}, rule_files(where))
    with scraping(config, where, "--enable-feature=exemplar-storage") as port:
        yield port


def rule_files(where: Path, scale: Fraction = Fraction(1), *, native: bool = True) -> list[Path]:
    """The rules of the shop's objectives, and the default rules for all other jobs.

    vmalert has no functions of native histograms.
    """
    shop = rules_file(where, "shop", scale, native=native)
    others = RuleContext(objectives.default("shop"), scale, native)
    return [shop, _often(where / "others.yml", others)]


def rules_file(where: Path, job: str, scale: Fraction, *, native: bool = True) -> Path:
    """The rules of the shop's objectives for one job."""
    service = config.read({**tomllib.loads(OBJECTIVES), "service": job})
    return _often(where / f"{job}.yml", RuleContext(service, scale, native))


def _often(path: Path, context: RuleContext) -> Path:
    """A file of rules, which are evaluated each second."""
    text = re.sub(r"interval: \d+m", "interval: 1s", rules.text(context))
    path.write_text(re.sub(r"\bfor: \w+", "for: 1s", text))
    return path


def _config(jobs: Jobs, files: Sequence[Path]) -> str:
    lines = ["global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}"]
    lines += [f"rule_files: [{', '.join(map(str, files))}]", "scrape_configs:"]
    for job, ports in jobs.items():
        targets = ", ".join(f'"127.0.0.1:{port}"' for port in ports)
        lines += [f"  - job_name: {job}", f"    static_configs: [{{targets: [{targets}]}}]"]
        if job == "native":
            lines.append("    metrics_path: /metrics/")
    return "\n".join([*lines, ""])


@contextmanager
def served(
    app: str, where: Path, env: Mapping[str, str], *options: str, folder: Path = SERVICES
) -> Iterator[Server]:
    """An application of services/ or of another folder, run by uvicorn."""
    command = ("uvicorn", app, "--app-dir", str(folder), "--port", "{port}", *options)
    server = Server((*command, "--log-level", "warning"), dict(env), where)
    try:
        yield server
    finally:
        server.destroy()


@contextmanager
def shop(where: Path, jobs: Jobs | None = None) -> Iterator[tuple[Server, Sidecar, int]]:
    """The example shop on two workers, its sidecar, and a Prometheus that scrapes the sidecar."""
    store = where / "store"
    env = {
        "SIDELIGHT_DIR": str(store),
        "SIDELIGHT_PHASE_SAMPLE_INTERVAL": "1",
        "SIDELIGHT_SERVICE_VERSION": "1.0.0",
        "SIDELIGHT_LOOP_BLOCK_THRESHOLD": "0.02",  # the barcode blocks the loop for less than 0.1 s
    }
    with (
        served("app:app", where, env, *of_uvicorn(2), folder=SHOP) as server,
        Sidecar(store, where) as sidecar,
        prometheus({"shop": [sidecar.port], **(jobs or {})}, where) as port,
    ):
        eventually(lambda: query(port, 'sum(sidelight_workers{job="shop"}) == 2'))
        yield server, sidecar, port


def block_loop(server: Server, requests: int) -> None:
    """Block the event loop for long, by many concurrent requests that compute on it."""
    with ThreadPoolExecutor(24) as clients:
        list(clients.map(lambda _: server.get("/products/1/barcode"), range(requests)))


@contextmanager
def crowd(server: Server, paths: Mapping[str, int], pause: float = 0.2) -> Iterator[None]:
    """So many clients for each path, each of which pauses between its requests.

    Clients of a path with ``!`` read the beginning of the response and disconnect.
    """
    stop = Event()

    def ask(path: str) -> None:
        while not stop.wait(pause):
            try:
                if path.startswith("!"):
                    _leave(server.port, path[1:])
                    stop.wait(0.5)
                else:
                    server.get(path)
            except (OSError, HTTPException):  # its worker was killed
                stop.wait(0.2)

    clients = [partial(ask, path) for path, many in paths.items() for _ in range(many)]
    with in_threads(clients, stop):
        yield


@contextmanager
def in_threads(clients: Sequence[Callable[[], None]], stop: Event) -> Iterator[None]:
    """Run clients, each in a thread, until the block ends, and with it each of them by ``stop``."""
    threads = [Thread(target=client) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _leave(port: int, path: str) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path)
    connection.getresponse().read(1)
    connection.close()


@contextmanager
def constant_response(text: str) -> Iterator[int]:
    """A port that answers every request with this text."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            with suppress(OSError):  # the client has disconnected
                self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, ExitStack() as left:
        thread = Thread(target=server.serve_forever)
        thread.start()
        left.callback(thread.join)
        left.callback(server.shutdown)
        yield server.server_address[1]


def scraped(port: int, job: str) -> None:
    """Wait until a job's metrics are there."""
    eventually(lambda: query(port, f'up{{job="{job}"}} == 1'))
