"""The memory of one process before and after many requests.

``python -m benchmarks.growth sidelight 1000000`` prints the measurements as JSON.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

import uvloop
from starlette.types import ASGIApp

from benchmarks import driver
from benchmarks.cpu import enter
from benchmarks.services import ONE

WARM_UP = 20_000


def measured() -> dict[str, int]:
    """Resident KiB, allocated blocks, and objects that the garbage collector tracks."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return {
        "rss_kib": pages * resource.getpagesize() // 1024,
        "blocks": sys.getallocatedblocks(),
        "objects": len(gc.get_objects()),
    }


async def drive(app: ASGIApp, start: int, requests: int) -> None:
    """Mostly good requests; every tenth has an unknown path, every tenth an invalid parameter."""
    for n in range(start, start + requests):
        path = {0: f"/nowhere/{n}", 5: f"/r0/items0/invalid-{n}"}.get(n % 10, f"/r0/items0/{n}")
        response = driver.Response()
        await app(driver.scope(path.encode()), response.receive, response.send)
        if response.status != {0: 404, 5: 422}.get(n % 10, 200):
            raise RuntimeError(f"{path} answered {response.status}")
        if n % 100 == 0:
            await asyncio.sleep(0)


async def grow(name: str, requests: int) -> dict[str, dict[str, int]]:
    """Measure, send requests, and measure again."""
    entry = enter(name, ONE)
    async with driver.lifespan(entry.app):
        await drive(entry.app, 0, WARM_UP)
        before = measured()
        await drive(entry.app, WARM_UP, requests)
        after = measured()
        recorded = await entry.contender.recorded(entry.app, ONE.route)
    driven = (WARM_UP + requests) * 9 // 10  # 200 and 422 belong to the route, 404 to none
    if recorded is not None and recorded != driven:
        raise RuntimeError(f"{name} recorded {recorded} of {driven}")
    return {"before": before, "after": after}


def main(arguments: Sequence[str]) -> None:
    """Measure one contender."""
    name, requests = arguments
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(grow(name, int(requests)))))


if __name__ == "__main__":
    main(sys.argv[1:])
