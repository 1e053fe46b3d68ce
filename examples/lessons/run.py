"""Measures the wrong and the right way of each lesson, and prints the metrics of both.

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

from load_generator import LoadGenerator
from measurements import LessonResult, cpu, pools, rows, signup
from overhead import timings
from server import START_TIMEOUT, running_server, wait_until_ready


async def measure(
    address: str, process: "subprocess.Popen[bytes]", seconds: float
) -> list[LessonResult]:
    """The results of the first four lessons."""
    found: list[LessonResult] = []
    async with httpx.AsyncClient(
        base_url=address,
        limits=httpx.Limits(max_keepalive_connections=0),  # uvicorn closes after a 500
        timeout=START_TIMEOUT,
        trust_env=False,
    ) as client:
        await wait_until_ready(client, process)
        load = LoadGenerator(client, seconds)
        for lesson in (pools, cpu, signup, rows):
            found += await lesson(load)
    return found


def table(found: Sequence[LessonResult]) -> Iterator[str]:
    """The lines of the table."""
    yield "| lesson | metric | wrong | right |"
    yield "| --- | --- | ---: | ---: |"
    for row in found:
        wrong, right = (f"{value:,.3g}" if value < 100 else f"{value:,.0f}" for value in row[3:])
        yield f"| {row.lesson} | {row.metric} | {wrong} {row.unit} | {right} {row.unit} |"


def machine() -> str:
    """The machine and the software of the measurement."""
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
    """Run the measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each way of each lesson")
    given = parser.parse_args()
    logging.getLogger("sidelight").setLevel(logging.ERROR)  # prints the table only
    with running_server() as (address, process):
        found = asyncio.run(measure(address, process, given.seconds))
    found += asyncio.run(timings())
    print(f"{machine()}; each way for {given.seconds:g} s:\n")
    print("\n".join(table(found)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
