"""Everything between a user and a pager, on this machine: all parts are the real ones."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import yaml

from sidelight.durations import to_milliseconds
from sidelight.slo import windows
from sidelight.store.layout import unpack_header
from tests.deploy.artefacts import DEPLOY, ROOT, load
from tests.drill.inbox import Inbox, listening
from tests.live.counting import settle
from tests.live.prometheus import prometheus, query, started, tool
from tests.live.servers import PATIENCE, Server, eventually, free_port, of_uvicorn
from tests.live.sidecars import SIDELIGHT, Sidecar
from tests.runtime.control_group_files import MOUNTED_V2, write

WORKERS = 2
MEMORY_LIMIT = 512 << 20
"""Bytes that the control group of the service allows; its workers need less than half of it."""
SETTINGS = """\
service = "shop"

[slo]
availability = "99.9%"
latency = "99% < 500ms"

[[slo.route]]
match = "POST /checkout"
latency = "99% < 1s"
"""
PROMETHEUS = """\
global:
  scrape_interval: {scrape}
  scrape_timeout: {scrape}
rule_files: [{rules}]
scrape_configs:
  - job_name: shop
    static_configs: [{{targets: ["127.0.0.1:{sidecar}"]}}]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]
"""
WAIT, AGAIN = "1s", "2s"
"""A group's first wait and the next ones: those of a page, at 1/30."""


class Stack:
    """The service with its sidecar, Prometheus, Alertmanager, and the webhook it tells."""

    text: ClassVar = SETTINGS
    """Of the file of settings."""

    def __init__(self, where: Path, scale: Fraction, inbox: Inbox, parts: ExitStack) -> None:
        self.where, self.scale, self.inbox, self._parts = where, scale, inbox, parts
        self.store = where / "store"
        write(where / "system", "0::/shop", MOUNTED_V2, {"shop/memory.max": MEMORY_LIMIT})
        self.port, self.alertmanager = free_port(), free_port()
        self.settings = where / "sidelight.toml"
        self.settings.write_text(self.text)
        self.service = self.serve()
        self.sidecar = parts.enter_context(Sidecar(self.store, where))
        self._start_alertmanager()
        self.prometheus = parts.enter_context(self._store())
        settle(self.sidecar, WORKERS)
        eventually(lambda: self.query(f'sum(sidelight_workers{{job="shop"}}) == {WORKERS}'))
        # Prometheus begins to scrape five seconds after its start: long enough, at this scale,
        # for the service to be missed.
        eventually(lambda: not self.query("ALERTS") and not inbox.firing())

    def serve(self) -> Server:
        """The service on its port, with both workers ready."""
        self.service = self.instance_of_service(self.port, self.store)
        return self.service

    def instance_of_service(self, port: int, store: Path) -> Server:
        """The service on a port, with both workers ready."""
        service = Server(
            (
                *("uvicorn", "tests.drill.service:app", "--app-dir", str(ROOT)),
                *("--port", str(port), *of_uvicorn(WORKERS), "--log-level", "critical"),
            ),
            {"SIDELIGHT_DIR": str(store)},
            self.where,
        )
        service.port = port
        self._parts.callback(service.destroy)
        return service.ready()

    @property
    def instance(self) -> str:
        """What Prometheus calls the one target."""
        return f"127.0.0.1:{self.sidecar.port}"

    def worker(self, pid: int) -> str:
        """The label of the worker that is this process."""
        headers = (unpack_header(path.read_bytes()) for path in self.store.glob("*.worker"))
        (number,) = [header.worker for header in headers if header.pid == pid]
        return str(number)

    def time(self, duration: str) -> str:
        """A duration of the rules, as short as it is here."""
        return windows.shortened(duration, self.scale)

    def seconds(self, duration: str) -> float:
        """The same in seconds."""
        return float(to_milliseconds(duration) * self.scale / 1000)

    def query(self, expression: str) -> list[Any]:
        """What Prometheus answers."""
        found: list[Any] = query(self.prometheus, expression)
        return found

    def why(self) -> dict[str, Any]:
        """What `sidelight why --json` says of Prometheus, with the drill's window."""
        url = f"http://127.0.0.1:{self.prometheus}"
        command = (SIDELIGHT, "why", "--json", "--job", "shop", "--window", self.time("5m"), url)
        done = subprocess.run(
            command, check=True, capture_output=True, timeout=PATIENCE, cwd=self.where
        )
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def _start_alertmanager(self) -> None:
        config: dict[str, Any] = load(DEPLOY / "alertmanager" / "alertmanager.yml")
        for receiver in config["receivers"]:
            url = f"http://127.0.0.1:{self.inbox.port}/{receiver['name']}"
            receiver["webhook_configs"] = [{"url": url, "send_resolved": True}]
        for route in (config["route"], *config["route"]["routes"]):
            route.update(group_wait=WAIT, group_interval=AGAIN)
        file = self.where / "alertmanager.yml"
        file.write_text(yaml.safe_dump(config))
        command = (
            tool("prometheus-alertmanager"),
            f"--config.file={file}",
            f"--storage.path={self.where / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{self.alertmanager}",
            "--cluster.listen-address=",
        )
        self._parts.enter_context(started(command, self.where))

    def _rules(self, *options: str) -> Path:
        rules = self.where / "rules.yml"
        build = ("rules", "build", "--config", str(self.settings), "--scale", str(self.scale))
        command = (SIDELIGHT, *build, *options, "--output", str(rules))
        subprocess.run(command, check=True, timeout=PATIENCE, cwd=self.where)
        return rules

    def _store(self) -> AbstractContextManager[int]:
        """What scrapes the sidecar, evaluates the rules and answers queries, on a port."""
        return prometheus(self._config(), self.where, f"--rules.alert.resend-delay={AGAIN}")

    def _config(self) -> str:
        """Of a Prometheus that does all of this alone."""
        places = {"sidecar": self.sidecar.port, "alertmanager": self.alertmanager}
        return PROMETHEUS.format(scrape=self.time("30s"), rules=self._rules(), **places)


@contextmanager
def stack(where: Path, scale: Fraction, kind: type[Stack] = Stack) -> Iterator[Stack]:
    """All of it, until the context is left; skipped where a part is not installed."""
    for program in ("prometheus", "prometheus-alertmanager"):
        tool(program)
    with listening() as inbox, ExitStack() as parts:
        yield kind(where, scale, inbox, parts)
