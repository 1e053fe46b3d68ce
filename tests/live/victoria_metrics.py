"""VictoriaMetrics, vmagent and vmalert, with what deploy/victoria-metrics/README.md names."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.live.newer import ROOT, newer
from tests.live.prometheus import started
from tests.live.servers import free_port

FOLDER = ROOT / "deploy" / "victoria-metrics"
OTLP_PATH = "/opentelemetry"
SOON = "-search.latencyOffset=0s"
"""Without it a query leaves out what is newer than 30 seconds."""


def otlp_flags() -> list[str]:
    """The flags for OTLP that the README names."""
    return re.findall(r"-opentelemetry\.\S+", (FOLDER / "README.md").read_text())


@contextmanager
def victoria_metrics(where: Path, *options: str) -> Iterator[int]:
    """VictoriaMetrics on a free port, which receives OTLP; its data and log are in a folder."""
    port = free_port()
    command = (
        newer("victoria-metrics"),
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-storageDataPath={where / 'victoria-metrics'}",
        f"-relabelConfig={FOLDER / 'relabel.yml'}",
        *otlp_flags(),
        SOON,
        *options,
    )
    with started(command, where):
        yield port


@contextmanager
def vmagent(where: Path, remote_write: str) -> Iterator[int]:
    """A vmagent on a free port, which receives OTLP and writes what it gets to another store."""
    port = free_port()
    command = (
        newer("victoria-metrics", "vmagent"),
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-remoteWrite.url={remote_write}",
        "-remoteWrite.flushInterval=100ms",
        f"-remoteWrite.tmpDataPath={where / 'vmagent'}",
        f"-remoteWrite.relabelConfig={FOLDER / 'relabel.yml'}",
        *otlp_flags(),
    )
    with started(command, where):
        yield port


@contextmanager
def vmalert(where: Path, store: int, rules: Sequence[Path], notifier: str = "") -> Iterator[int]:
    """A vmalert that evaluates rules over a VictoriaMetrics, and writes what they record there.

    Alerts go to the notifier's address, if there is one.
    """
    port, url = free_port(), f"http://127.0.0.1:{store}"
    command = (
        newer("victoria-metrics", "vmalert"),
        *(f"-rule={path}" for path in rules),
        f"-datasource.url={url}",
        f"-remoteWrite.url={url}",
        f"-remoteRead.url={url}",
        f"-httpListenAddr=127.0.0.1:{port}",
        f"-notifier.url={notifier}" if notifier else "-notifier.blackhole",
        "-rule.resendDelay=2s",
        "-disableAlertgroupLabel",
        "-rule.evalDelay=0s",
        "-remoteWrite.flushInterval=100ms",
    )
    with started(command, where):
        yield port
