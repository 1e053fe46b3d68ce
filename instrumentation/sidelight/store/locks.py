"""Locks on files: they say that a process lives, and the kernel drops them when it doesn't."""

import time

try:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock

    POSSIBLE = True
except ImportError:  # Windows: a process there is alone, and nobody reads its file
    POSSIBLE = False

POLL = 0.002


def hold(fd: int, seconds: float = 0.0) -> bool:
    """Lock a file for this process alone; whether that was had within ``seconds``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            flock(fd, LOCK_EX | LOCK_NB)
        except OSError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL)
        else:
            return True


def release(fd: int) -> None:
    """Unlock a file, whatever other descriptors there are of the same opening."""
    flock(fd, LOCK_UN)


def unheld(fd: int) -> bool:
    """Whether the process that held a file is gone."""
    try:
        flock(fd, LOCK_SH | LOCK_NB)
    except OSError:
        return False
    flock(fd, LOCK_UN)
    return True
