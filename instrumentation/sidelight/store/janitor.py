"""Removes a directory of our own making once its server is gone. A program, run by its path.

The last worker of a server can't know whether the server ends or only replaces it. So it
leaves what was counted, and starts this: small, detached, without a module of ours. It ends
as soon as there is a worker again, or nothing left to do.

    python -I -S janitor.py DIRECTORY PID START-TIME
"""

import fcntl
import os
import sys
import time
from contextlib import suppress

POLL = 0.02


def start_time(pid: str) -> str:
    """The kernel's start time of a process; empty when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def gone(pid: str, started: str) -> bool:
    """Whether a process has ended; without /proc another of its number may pass for it."""
    if started:
        return start_time(pid) != started
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is another user's
        return False
    return False


def held(path: str) -> bool:
    """Whether a living process holds a worker's file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def watch(directory: str, pid: str, started: str) -> None:
    """Wait for the server's end; then remove what it left."""
    while True:
        try:
            names = os.listdir(directory)
        except OSError:
            return
        paths = [os.path.join(directory, name) for name in names]
        if any(held(path) for path in paths if path.endswith(".worker")):
            return
        if gone(pid, started):
            break
        time.sleep(POLL)
    for path in paths:
        os.unlink(path)
    os.rmdir(directory)
    with suppress(OSError):  # other servers' directories may stand beside it
        os.rmdir(os.path.dirname(directory))


if __name__ == "__main__":
    watch(*sys.argv[1:4])
