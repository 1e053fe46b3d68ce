"""Requests per second of a real uvicorn, measured with wrk."""

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
ROUNDS_A_SERVER = 3  # a process is a few percent faster or slower than another for its lifetime
LEAST_KEPT = 0.97


@dataclass(slots=True)
class Entry:
    """A contender, and the figures of its servers."""

    name: str
    rates: list[float] = field(default_factory=list)
    costs: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Load:
    """The figures of one run of wrk."""

    rate: float
    requests: int
    cost: float


def run(*, rounds: int, names: Sequence[str], quick: bool) -> Section:
    """Load one server at a time, in random order in each round."""
    if shutil.which("wrk") is None:
        return Section(_TITLE, "Not measured: `wrk` is not installed (Debian package `wrk`).\n")
    seconds = 1 if quick else 2
    entries = [Entry(name) for name in names]
    for done in range(0, rounds, ROUNDS_A_SERVER):
        _generation(entries, min(ROUNDS_A_SERVER, rounds - done), seconds)
    where = "its own core" if len(_cores()) > 1 else "the same core (there is only one)"
    how = _HOW.format(
        rounds=rounds, seconds=seconds, connections=CONNECTIONS, each=ROUNDS_A_SERVER, where=where
    )
    return Section(_TITLE, how + _table(entries), _targets(entries))


def _generation(entries: Sequence[Entry], rounds: int, seconds: int) -> None:
    """Rounds with new servers."""
    cores = _cores()
    with ExitStack() as stack:
        with pinned({cores[0]}):
            servers = {entry.name: stack.enter_context(_server(entry.name)) for entry in entries}
        with pinned({cores[-1]}):
            requests = {name: _load(server, 1).requests for name, server in servers.items()}
            for _ in range(rounds):
                for entry in random.sample(entries, len(entries)):
                    load = _load(servers[entry.name], seconds)
                    entry.rates.append(load.rate)
                    entry.costs.append(load.cost)
                    requests[entry.name] += load.requests
        for name, server in servers.items():
            _check(name, server, requests[name], rounds + 1)


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def _server(name: str) -> Server:
    return Server("contender", env={"BENCH_CONTENDER": name, "BENCH_SERVICE": ONE.name})


def _load(server: Server, seconds: int) -> Load:
    url = f"http://127.0.0.1:{server.port}{ONE.path}"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url]
    before = cpu_ns(server.process.pid)
    output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    spent = (cpu_ns(server.process.pid) - before) / 1000
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    requests = int(_found(r"(\d+) requests in", output))
    rate = float(_found(r"Requests/sec:\s+([\d.]+)", output))
    return Load(rate, requests, spent / requests)


def _found(pattern: str, output: str) -> str:
    found = re.search(pattern, output)
    if found is None:
        raise RuntimeError(f"wrk printed: {output}")
    return found[1]


def _check(name: str, server: Server, requests: int, loads: int) -> None:
    recorded = server.get("/recorded")
    # wrk does not count requests that were in flight when its time was over.
    most = requests + loads * CONNECTIONS + 2
    if recorded != "null" and not requests <= int(recorded) <= most:
        raise RuntimeError(f"{name} recorded {recorded} of {requests} requests")


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
    head = ["contender", "share of bare requests/s", "requests/s", "server CPU per request, µs"]
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
A process can be a few percent faster or slower than another for its lifetime, so all are
restarted every {each} rounds. Shares are relative to the bare server of the same round. The
server's CPU is that of its whole process with background threads; it depends less on other work
of the machine. After the run, each contender that records requests must have recorded every
request that wrk counted.
"""
