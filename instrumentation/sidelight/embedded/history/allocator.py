"""How this process gives memory back."""

import ctypes
import sys
from contextlib import suppress

MMAP_THRESHOLD = -3
BYTES = 64 * 1024


def give_back() -> None:
    """Have glibc return each large array as soon as it is freed; elsewhere nothing.

    By itself it raises that size with each one it sees, up to 32 MiB, and what a step needed
    for a moment then stays between arrays that are kept.
    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, BYTES)
