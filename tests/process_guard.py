"""Waits for the end of a pytest process, then kills what that has started. Run by its path.

    python -I -S process_guard.py PID MARK

Reads no module but those of every start-up: each pytest process has one of these.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress

ROUNDS = 100


def marked(mark: bytes) -> list[int]:
    """Running processes whose environment has the mark."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 no module more
        with suppress(OSError), open(f"/proc/{name}/environ", "rb") as environment:  # noqa: PTH123 no module more
            if mark in environment.read():
                found.append(int(name))
    return found


def main(pid: int, mark: bytes) -> None:
    """Kill until nothing is left; a zombie has no environment."""
    with suppress(ProcessLookupError):
        ready = select.poll()
        ready.register(os.pidfd_open(pid), select.POLLIN)
        ready.poll()
    for _ in range(ROUNDS):
        found = marked(mark)
        for left in found:
            with suppress(OSError):
                os.kill(left, signal.SIGKILL)
        if not found:
            break
        time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2].encode())
