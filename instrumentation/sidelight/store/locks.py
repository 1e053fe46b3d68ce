"""Locks on files: a held lock says that a process lives, and the kernel releases it at its end."""

import time

try:
    from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, LOCK_UN, flock

    POSSIBLE = True
except ImportError:  # Windows: a process there is alone, and no other process reads its file
    POSSIBLE = False

POLL = 0.002


def acquire(fd: int, seconds: float = 0.0) -> bool:
    """Lock a file for this process alone; whether that succeeded within ``seconds``."""
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
    """Unlock a file, whatever other descriptors of the same opening exist."""
    flock(fd, LOCK_UN)


def is_free(fd: int) -> bool:
    """Whether no process holds the lock of a file: the one that did has ended."""
    try:
        flock(fd, LOCK_SH | LOCK_NB)
    except OSError:
        return False
    flock(fd, LOCK_UN)
    return True
