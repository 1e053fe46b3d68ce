"""Real Prometheus servers with the samples of a test: the oracle of the differential tests."""

import http.client
import json
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sidelight.embedded.promql.storage import SampleBlock
from tests.embedded.promql import remote_write
from tests.embedded.promql.answers import Answer, of_json
from tests.live.newer import unpacked
from tests.live.prometheus import started
from tests.live.servers import eventually, free_port


def program(major: int) -> str | None:
    """Return the command of Prometheus 2 or 3; None if it is not installed."""
    for found in (shutil.which("prometheus"), str(unpacked("prometheus"))):
        if found and Path(found).exists() and _version(found).startswith(f"{major}."):
            return found
    return None


def _version(command: str) -> str:
    said = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    return (said.stdout + said.stderr).split("version ")[1].split()[0]


NATIVE_HISTOGRAMS: Final = "--enable-feature=native-histograms"
"""The option with which a Prometheus before 3.8 takes samples that are native histograms."""


class OracleServer:
    """One Prometheus, queried over one persistent connection."""

    def __init__(self, command: str, port: int) -> None:
        self.version = _version(command)
        self.port = port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, query: str, at: int) -> Answer:
        """Run an instant query at a time in milliseconds."""
        return self._answer("query", query=query, time=_seconds(at))

    def ask_range(self, query: str, start: int, end: int, step: int) -> Answer:
        """Run a range query; times are in milliseconds."""
        times = {"start": _seconds(start), "end": _seconds(end), "step": _seconds(step)}
        return self._answer("query_range", query=query, **times)

    def _answer(self, path: str, **parameters: str) -> Answer:
        """Return an answer. Prometheus 2 has no annotations."""
        found = of_json(self.get(path, **parameters))
        return found._replace(annotations=None) if self.version.startswith("2.") else found

    def get(self, path: str, **parameters: str) -> Any:
        """Return the response of the API to a form."""
        form = urllib.parse.urlencode(parameters)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        self.connection.request("POST", f"/api/v1/{path}", form, headers)
        return json.loads(self.connection.getresponse().read())

    def ready(self) -> bool:
        """Whether it answers queries."""
        try:
            return bool(self.get("query", query="1", time="1")["status"] == "success")
        except (OSError, http.client.HTTPException, ValueError):
            self.connection.close()  # the next request opens it again
            return False


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"


@contextmanager
def oracle_server(
    command: str,
    blocks: Sequence[SampleBlock],
    where: Path,
    *more: str,
    config: str = "{}\n",
) -> Iterator[OracleServer]:
    """Run a Prometheus with these samples inside the context; ``more`` are options."""
    where.mkdir()
    (where / "prometheus.yml").write_text(config)
    port = free_port()
    options = (
        f"--config.file={where / 'prometheus.yml'}",
        f"--storage.tsdb.path={where / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--log.level=warn",
    )
    with started((command, *options, *more), where):
        found = OracleServer(command, port)
        eventually(found.ready)
        remote_write.send(port, blocks)
        yield found
        found.connection.close()
