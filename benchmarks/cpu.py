"""The CPU time that each contender adds to a request, in one process, on one thread."""

from __future__ import annotations

import asyncio
import gc
import os
import random
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context

import uvloop
from fastapi import FastAPI

from benchmarks import driver, stats
from benchmarks.contender import Bare
from benchmarks.contenders import CONTENDERS
from benchmarks.report import Section, Target, table
from benchmarks.services import SERVICES, Service
from sidelight.extension import PURE, WAY, extension

BATCH = 2  # in a service, too, other work lies between two requests, and takes the caches
WARM_UP = 400
MOST_ADDED = 4.0
MOST_ON_AVERAGE = 6.0
MOST_OF_CHEAPEST = 1 / 30
MOST_IN_PYTHON = {"one": 21.0, "many": 21.0, "shared": 25.0}
INTERRUPTED = 500.0  # µs more or less than the bare service: not what the contender did


@dataclass(slots=True)
class Entry:
    """A contender with its own copy of the service."""

    name: str
    contender: Bare
    app: FastAPI
    costs: list[float] = field(default_factory=list)


def enter(name: str, service: Service) -> Entry:
    """Build the service and add the contender."""
    contender = CONTENDERS[name]()
    app = FastAPI(**contender.options())
    service.fill(app)
    contender.install(app)
    return Entry(name, contender, app)


async def measure(
    service: Service,
    names: Sequence[str],
    rounds: int,
    answered: Callable[[], driver.Response] = driver.Response,
) -> list[Entry]:
    """Interleave all contenders, in another random order each round."""
    entries = [enter(name, service) for name in names]
    async with AsyncExitStack() as stack:
        for entry in entries:
            await stack.enter_async_context(driver.lifespan(entry.app))
            await driver.batch(entry.app, service.path, WARM_UP, answered)
        gc.collect()
        gc.freeze()
        for _ in range(rounds):
            for entry in random.sample(entries, len(entries)):
                await asyncio.sleep(0)  # so that timers that are due run outside of a batch
                cost = await driver.batch(entry.app, service.path, BATCH, answered)
                entry.costs.append(cost)
        for entry in entries:
            await _check(entry, service, WARM_UP + rounds * BATCH)
        gc.unfreeze()
    return entries


async def _check(entry: Entry, service: Service, driven: int) -> None:
    recorded = await entry.contender.recorded(entry.app, service.route)
    if recorded is not None and recorded != driven:
        raise RuntimeError(
            f"{entry.name} recorded {recorded} of {driven} requests to {service.route}"
        )


def run(*, rounds: int, names: Sequence[str], services: Sequence[str]) -> Section:
    """Measure each service, one after the other."""
    how = _HOW.format(rounds=rounds, batch=BATCH, way=WAY)
    section = Section("CPU added to a request", how)
    for service in (SERVICES[name] for name in services):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            entries = runner.run(measure(service, names, rounds))
        section.text += f"\n### {service.text}\n\n{comparison(entries)}"
        section.targets += _targets(service, entries)
        if "sidelight" in names and extension is not None:
            added = _in_python(service.name, rounds)
            section.text += _PYTHON.format(added=added.text(2), mean=added.mean)
            limit = MOST_IN_PYTHON[service.name]
            name = f"CPU added in Python, {service.name}, µs"
            section.targets.append(Target(name, added.median, limit))
    return section


def _in_python(service: str, rounds: int) -> stats.Summary:
    """What the Python way adds, in a process of its own that has no native one."""
    os.environ[PURE] = "1"
    try:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            return process.submit(_added_alone, service, rounds).result()
    finally:
        del os.environ[PURE]


def _added_alone(service: str, rounds: int) -> stats.Summary:
    names = ["bare", "control", "native", "pfi", "sidelight"]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return _added(runner.run(measure(SERVICES[service], names, rounds)))["sidelight"]


def _added(entries: Sequence[Entry]) -> dict[str, stats.Summary]:
    bare = next(entry.costs for entry in entries if entry.name == "bare")
    return {e.name: stats.added(e.costs, bare, INTERRUPTED) for e in entries if e.name != "bare"}


def comparison(entries: Sequence[Entry]) -> str:
    """What each contender adds, as a table."""
    added = _added(entries)
    rows = [
        [
            entry.contender.label,
            added[entry.name].text(2) if entry.name in added else "",
            f"±{added[entry.name].error:.2f}" if entry.name in added else "",
            f"{added[entry.name].mean:.2f}" if entry.name in added else "",
            stats.summary(entry.costs).text(1),
        ]
        for entry in entries
    ]
    head = ["contender", "added, µs", "median's 95 %", "on average", "whole request, µs"]
    return table(head, rows)


def _targets(service: Service, entries: Sequence[Entry]) -> list[Target]:
    added = _added(entries)
    if "sidelight" not in added:
        return []
    sidelight = added["sidelight"].median
    average = added["sidelight"].mean
    targets = [
        Target(f"CPU added, {service.name}, µs", sidelight, MOST_ADDED),
        Target(f"CPU added on average, {service.name}, µs", average, MOST_ON_AVERAGE),
    ]
    peers = {e.name: added[e.name].median for e in entries if e.contender.per_route}
    peers.pop("sidelight")
    if peers:
        cheapest = min(peers, key=peers.__getitem__)
        name = f"CPU added, {service.name}, as a share of the cheapest peer ({cheapest})"
        targets.append(Target(name, sidelight / peers[cheapest], MOST_OF_CHEAPEST, digits=3))
    return targets


_HOW = """\
{rounds} rounds. In each round every contender, in random order, answers {batch} direct
requests to its ASGI application, with the scope that uvicorn with httptools makes, on uvloop;
the CPU time of the thread is divided by {batch}. What a contender adds is the median of its
differences to the bare service of the same round, with the quartiles of these differences and
the 95 % interval of the median; its average leaves out what differs by more than 500 µs, where
something else interrupted the thread. Between two batches of a contender, all others run, as other
work does in a service, so that caches are cold. Sidelight's common requests take the {way} way.
The heap is collected and frozen before the run; after that,
the garbage collector runs as in a service. The work of other threads and of timers between
requests is not included; the figures over the wire include it. After the run, each contender
that records requests must have recorded every request under the right route.
"""
_PYTHON = """
With SIDELIGHT_PURE=1, in a process of its own beside two peers, Sidelight adds {added} µs, and
{mean:.2f} µs on average.
"""
