"""The thread of the watchdog, in a process that forks."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, threading
at_fork = []
threads = lambda: sorted(thread.name for thread in threading.enumerate())
def look():
    found = threads()
    tasks = len(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else len(found)
    at_fork.append((found, tasks))
os.register_at_fork(before=look)  # runs after those that are registered later

import asyncio
from sidelight.runtime import watchdog
from sidelight.runtime.watched_loop import WatchedLoop

async def main():
    watched = WatchedLoop([], 1, 1, asyncio.get_running_loop(), threading.get_ident())
    watchdog.watch(watched)
    print(threads())
    for _ in range(3):
        child = os.fork()
        if child == 0:
            os._exit(0 if threads() == ["MainThread"] else 1)
        print(os.waitpid(child, 0)[1], at_fork.pop(), threads())

asyncio.run(main())
"""
BOTH = ["MainThread", "sidelight-watchdog"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_forks_has_one_thread_at_that_moment() -> None:
    """The thread ends before a fork, about which Python would warn, and starts again after it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    first, *forks = done.stdout.splitlines()
    assert first == str(BOTH)
    assert forks == [f"0 {(['MainThread'], 1)} {BOTH}"] * 3
