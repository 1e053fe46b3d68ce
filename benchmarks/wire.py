"""Requests a second over the wire, from a real uvicorn to wrk."""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from benchmarks import stats
from benchmarks.contenders import CONTENDERS
from benchmarks.report import Section, Target, table
from benchmarks.servers import Server, cpu_ns, pinned
from benchmarks.services import ONE

CONNECTIONS = 8
LEAST_KEPT = 0.97


@dataclass(slots=True)
class Entry:
    """A contender behind its own server."""

    name: str
    server: Server
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)
    requests: int = 0


def run(*, rounds: int, names: Sequence[str], quick: bool) -> Section:
    """Load one server at a time, all of them in random order each round."""
    if shutil.which("wrk") is None:
        return Section(_TITLE, "Not measured: `wrk` is not installed (Debian package `wrk`).\n")
    seconds = 1 if quick else 2
    cores = sorted(os.sched_getaffinity(0))
    apart = len(cores) > 1
    with ExitStack() as stack:
        with pinned({cores[0]} if apart else None):
            entries = [_start(name, stack) for name in names]
        with pinned({cores[1]} if apart else None):
            for entry in entries:
                _load(entry, 1)
                entry.rates.clear()
                entry.costs.clear()
            for _ in range(rounds):
                for entry in random.sample(entries, len(entries)):
                    _load(entry, seconds)
        for entry in entries:
            _check(entry, rounds + 1)
    where = "its own core" if apart else "the same core (there is only one)"
    how = _HOW.format(rounds=rounds, seconds=seconds, connections=CONNECTIONS, where=where)
    return Section(_TITLE, how + _table(entries), _targets(entries))


def _start(name: str, stack: ExitStack) -> Entry:
    env = {"BENCH_CONTENDER": name, "BENCH_SERVICE": ONE.name}
    return Entry(name, stack.enter_context(Server("contender", env=env)))


def _load(entry: Entry, seconds: int) -> None:
    url = f"http://127.0.0.1:{entry.server.port}{ONE.path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]
    before = cpu_ns(entry.server.process.pid)
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"{entry.name}: {output}")
    entry.rates.append(float(_found(r"Requests/sec:\s+([\d.]+)", output)))
    requests = int(_found(r"(\d+) requests in", output))
    entry.costs.append((cpu_ns(entry.server.process.pid) - before) / 1000 / requests)
    entry.requests += requests


def _found(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    if found is None:
        raise RuntimeError(f"wrk said: {output}")
    return found[1]


def _check(entry: Entry, loads: int) -> None:
    recorded = entry.server.get("/recorded")
    # wrk does not count what was in flight on each connection when its time was up.
    most = entry.requests + loads * CONNECTIONS + 2
    if recorded != "null" and not entry.requests <= int(recorded) <= most:
        raise RuntimeError(f"{entry.name} recorded {recorded} of {entry.requests} requests")


def _kept(entry: Entry, entries: Sequence[Entry]) -> stats.Summary:
    bare = next(other for other in entries if other.name == "bare")
    return stats.kept(entry.rates, bare.rates)


def _table(entries: Sequence[Entry]) -> str:
    rows = [
        [
            CONTENDERS[entry.name].label,
            "" if entry.name == "bare" else _kept(entry, entries).text(3),
            stats.summary(entry.rates).text(0),
            stats.summary(entry.costs).text(1),
        ]
        for entry in entries
    ]
    head = ["contender", "share of bare requests/s", "requests/s", "server CPU a request, µs"]
    return "\n" + table(head, rows)


def _targets(entries: Sequence[Entry]) -> list[Target]:
    return [
        Target(
            "requests/s kept over the wire",
            _kept(e, entries).median,
            LEAST_KEPT,
            at_least=True,
            digits=3,
        )
        for e in entries
        if e.name == "sidelight"
    ]


_TITLE = "Over the wire"
_HOW = """\
{rounds} rounds. In each round every contender, in random order, is loaded by
`wrk -t1 -c{connections} -d{seconds}s`, one at a time: uvicorn with uvloop and httptools, 1 worker,
no access log, 1 route in 1 included router. The servers share one core and wrk has {where}.
Shares are to the bare server of the same round. The server's CPU is that of its whole
process, background threads included; it depends less on what else the machine was doing.
After the run each contender that keeps a record must have recorded every request that wrk
counted.
"""
