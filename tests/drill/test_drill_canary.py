"""The drill of a bad canary: a new version runs beside the old one, and its requests fail."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from functools import partial
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from tests.drill.crowd import Call, Crowd, slow
from tests.drill.drilling import drill
from tests.drill.faults import Fault, Names
from tests.drill.stack import WORKERS, Stack, stack
from tests.live.counting import settle
from tests.live.servers import free_port
from tests.live.sidecars import Sidecar

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.newest, pytest.mark.timeout(900)]

SCALE = Fraction(1, 30)
OLD, NEW = "1.0.0", "2.0.0"
ATTRIBUTES = "OTEL_RESOURCE_ATTRIBUTES"
COMPARED = (
    r"Most of them are on GET /search, with SearchError\..+"
    rf"Of the requests to version {NEW}, [\d.]+% failed with a 5xx status.+"
    rf"Of the requests to version {OLD}, 0% failed with a 5xx status"
)


def version(of: str) -> str:
    """A resource attribute."""
    return f"service.version={of}"


class WithCanary(Stack):
    """The stack, whose Prometheus finds its targets in a file."""

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
        self.scrape(self.sidecar)
        return str(yaml.safe_dump(config))


@contextmanager
def canary(found: WithCanary) -> Iterator[int]:
    """An instance of the new version with usual requests, on a port."""
    store, port = found.where / "canary", free_port()
    with pytest.MonkeyPatch.context() as patch, ExitStack() as parts:
        patch.setenv(ATTRIBUTES, version(NEW))
        service = found.instance_of_service(port, store)
        parts.callback(service.stop)
        sidecar = parts.enter_context(Sidecar(store, found.where))
        settle(sidecar, WORKERS)
        found.scrape(found.sidecar, sidecar)
        parts.callback(found.scrape, found.sidecar)
        with Crowd(port, pace=slow, clients=6):
            yield port


@contextmanager
def failing(port: int, *_: object) -> Iterator[Names]:
    """Searches fail in the instance on a port."""
    with Crowd(port, (Call("GET", "/search?wrong=1"),), lambda _: 10.0, 4, keep=1):
        yield lambda heard: re.search(COMPARED, heard.text) is not None


def test_a_bad_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its errors page; the description names the route, the exception, and both versions."""
    monkeypatch.setenv(ATTRIBUTES, version(OLD))
    alert = "AvailabilityErrorBudgetBurn"
    with stack(tmp_path, SCALE, WithCanary) as found, Crowd(found.port) as crowd:
        assert isinstance(found, WithCanary)
        with canary(found) as port:
            during = partial(failing, port)
            drill(found, crowd, Fault("a bad canary", alert, True, during, ("version",), "/search"))
