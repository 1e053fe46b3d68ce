"""Removes the directory of a server once that server has ended. A program, run by its path.

The last worker of a server cannot know whether the server ends or replaces it. So it leaves
what was counted and starts this program: small, detached, without a module of Sidelight's.
It ends as soon as there is a worker again, or nothing left to do.

    python -I -S cleanup.py DIRECTORY PID START-TIME
"""

import fcntl
import os
import sys
import time
from contextlib import suppress

POLL = 0.02


def start_time(pid: str) -> str:
    """The kernel's start time of a process; empty when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="latin-1") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


def has_ended(pid: str, started: str) -> bool:
    """Whether a process has ended; without /proc a later one of the same number counts as it."""
    if started:
        return start_time(pid) != started
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:  # it is another user's
        return False
    return False


def is_locked(path: str) -> bool:
    """Whether a running process holds the lock of a worker's file."""
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


def remove_after(directory: str, pid: str, started: str) -> None:
    """Wait for the end of the server, then remove its directory."""
    while True:
        try:
            names = os.listdir(directory)
        except OSError:
            return
        paths = [os.path.join(directory, name) for name in names]
        if any(is_locked(path) for path in paths if path.endswith(".worker")):
            return
        if has_ended(pid, started):
            break
        time.sleep(POLL)
    for path in paths:
        os.unlink(path)
    os.rmdir(directory)
    with suppress(OSError):  # other servers' directories may stand beside it
        os.rmdir(os.path.dirname(directory))


if __name__ == "__main__":
    remove_after(*sys.argv[1:4])
