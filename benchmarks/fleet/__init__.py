"""A fleet of simulated instances, scraped by one real Prometheus that evaluates the rules."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from benchmarks.dashboards import Timing, engine, queries, timed
from benchmarks.dashboards.engine import Engine
from benchmarks.fleet.recorded import Instance, count, grown, page
from benchmarks.fleet.targets import JOB, Targets, scrape_config, served
from benchmarks.metrics_text import samples
from benchmarks.scale import memory
from benchmarks.servers import ROOT, cpu_ns, get

EVERY = 15
"""Seconds between two scrapes of an instance."""
RULES = ROOT / "deploy" / "prometheus" / "rules" / "sidelight.yml"
CONFIG = """\
global: {{scrape_interval: {every}s, scrape_timeout: 10s}}
rule_files: [{rules}]
"""
MOST_MIB = 1430.0
"""1.5 GB. A Prometheus with more memory is ended."""


class Fleet(NamedTuple):
    """So many instances of one size."""

    instances: int
    of: Instance


class Load(NamedTuple):
    """What a Prometheus has done until a moment."""

    at: float
    samples: float
    cpu: float


class Result(NamedTuple):
    """The figures of one fleet; memory is in MiB."""

    fleet: Fleet
    series: int
    """Of the page of one instance."""
    head: int
    """Of Prometheus: those of all pages, of its scrapes and of the rules."""
    samples: float
    """A second, of scrapes and rules."""
    cpu: float
    """Cores."""
    resident: float
    peak: float
    up: int
    """Instances whose last scrape succeeded."""
    timings: list[Timing]


FULL = Fleet(200, Instance(used=20, other=10, workers=4))
MANY = Fleet(1_000, Instance(used=1, other=0, workers=1))


def measured(fleet: Fleet, seconds: int, rounds: int) -> Result:
    """Scrape it for so long, and then ask what the first screens of the dashboards ask."""
    recorded = page(fleet.of)
    targets = Targets([grown(recorded, times) for times in range(1, seconds // EVERY + 4)])
    with (
        tempfile.TemporaryDirectory() as folder,
        served(targets) as port,
        engine.prometheus(Path(folder), _config(port, fleet.instances)) as found,
    ):
        _wait(found, EVERY + 5)  # every instance was scraped once
        before = _load(found)
        _wait(found, seconds - EVERY - 5)
        after, state = _load(found), _state(found)
        between = after.at - before.at
        sent = [one for one in queries.all_queries() if one.first and not one.variable]
        until = int(time.time())
        timings = [timed(found, one, until, rounds) for one in sent]
        return Result(
            fleet,
            count(recorded),
            int(state["prometheus_tsdb_head_series"]),
            (after.samples - before.samples) / between,
            (after.cpu - before.cpu) / between,
            memory(found.pid, "VmRSS"),
            memory(found.pid, "VmHWM"),
            _up(found),
            timings,
        )


def _config(port: int, instances: int) -> str:
    return CONFIG.format(every=EVERY, rules=RULES) + scrape_config(port, instances)


def _wait(found: Engine, seconds: float) -> None:
    """Wait, and see to it that Prometheus keeps within its memory."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if (now := memory(found.pid, "VmRSS")) > MOST_MIB:
            raise RuntimeError(f"Prometheus has {now:.0f} MiB, more than {MOST_MIB:.0f}")
        time.sleep(1)


def _state(found: Engine) -> dict[str, float]:
    """Prometheus's own metrics; those of several label sets are summed."""
    totals: dict[str, float] = {}
    with closing(HTTPConnection("127.0.0.1", found.port, timeout=30)) as connection:
        text = get(connection, "/metrics").decode()
    for name, _, value in samples(text):
        totals[name] = totals.get(name, 0.0) + value
    return totals


def _load(found: Engine) -> Load:
    appended = _state(found)["prometheus_tsdb_head_samples_appended_total"]
    return Load(time.monotonic(), appended, cpu_ns(found.pid) / 1e9)


def _up(found: Engine) -> int:
    answer = engine.get(found.port, "query", query=f'count(up{{job="{JOB}"}} == 1)')
    return int(answer.data["result"][0]["value"][1])
