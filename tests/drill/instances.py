"""A service of several instances, each with a sidecar of its own."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml

from tests.drill.stack import WORKERS, Stack
from tests.live.counting import settle
from tests.live.servers import free_port
from tests.live.sidecars import Sidecar


class WithInstances(Stack):
    """The stack, whose Prometheus finds its targets in a file, so that instances come and go."""

    @property
    def targets(self) -> Path:
        """The file."""
        return self.where / "targets.json"

    def scrape(self, *sidecars: Sidecar) -> None:
        """Have Prometheus scrape these and no others."""
        found = [{"targets": [f"127.0.0.1:{one.port}" for one in sidecars]}]
        new = self.targets.with_suffix(".new")
        new.write_text(json.dumps(found))
        new.replace(self.targets)

    def _config(self) -> str:
        config = yaml.safe_load(super()._config())
        (job,) = config["scrape_configs"]
        del job["static_configs"]
        job["file_sd_configs"] = [{"files": [str(self.targets)], "refresh_interval": "1s"}]
        self.sidecars = [self.sidecar]
        self.scrape(*self.sidecars)
        return str(yaml.safe_dump(config))

    @contextmanager
    def another(self, name: str) -> Iterator[int]:
        """The port of another instance, which is scraped until the context is left."""
        store, port = self.where / name, free_port()
        with ExitStack() as parts:
            parts.callback(self.instance_of_service(port, store).stop)
            sidecar = parts.enter_context(Sidecar(store, self.where))
            settle(sidecar, WORKERS)
            self.sidecars.append(sidecar)
            self.scrape(*self.sidecars)
            parts.callback(lambda: self.scrape(*self.sidecars))
            parts.callback(self.sidecars.remove, sidecar)
            yield port
