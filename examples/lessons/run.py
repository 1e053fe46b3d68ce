"""Drives each lesson, done wrong and done right, and prints what its metric says of both.

python examples/lessons/run.py [--seconds 3]
"""

import argparse
import asyncio
import contextlib
import logging
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx

from costs import timings
from driving import Service
from measures import Row, cpu, pools, rows, signup
from served import START, ready, served


async def measure(address: str, process: "subprocess.Popen[bytes]", seconds: float) -> list[Row]:
    found: list[Row] = []
    async with httpx.AsyncClient(
        base_url=address,
        limits=httpx.Limits(max_keepalive_connections=0),  # uvicorn closes after a 500
        timeout=START,
        trust_env=False,
    ) as client:
        await ready(client, process)
        service = Service(client, seconds)
        for lesson in (pools, cpu, signup, rows):
            found += await lesson(service)
    return found


def table(found: Sequence[Row]) -> Iterator[str]:
    yield "| lesson | metric | wrong | right |"
    yield "| --- | --- | ---: | ---: |"
    for row in found:
        wrong, right = (f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in row[3:])
        yield f"| {row.lesson} | {row.figure} | {wrong} {row.unit} | {right} {row.unit} |"


def machine() -> str:
    """What the figures were taken on."""
    model = ""
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text()
        model = "".join(re.findall(r"^model name\s*: (.*)$", text, re.MULTILINE)[:1])
    database = "PostgreSQL" if "LESSONS_DSN" in os.environ else "SQLite"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} cores of {model or platform.machine()}, Python {platform.python_version()}, "
        f"one worker of uvicorn, {database}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each way of each lesson")
    given = parser.parse_args()
    logging.getLogger("sidelight").setLevel(logging.ERROR)  # figures only
    with served() as (address, process):
        found = asyncio.run(measure(address, process, given.seconds))
    found += asyncio.run(timings())
    print(f"{machine()}; each way for {given.seconds:g} s:\n")
    print("\n".join(table(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
