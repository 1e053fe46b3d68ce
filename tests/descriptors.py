"""Descriptors of this process, by what they refer to.

A count of all of them would depend on servers and threads that other tests have left running.
"""

from contextlib import suppress
from pathlib import Path

import pytest

LISTING = Path("/proc/self/fd")

needs_listing = pytest.mark.skipif(not LISTING.is_dir(), reason="lists descriptors in /proc")


def open_descriptors(part: object) -> int:
    """How many files, whose path or name has this part, the process has open."""
    found = 0
    for link in LISTING.glob("*"):
        with suppress(OSError):  # closed meanwhile
            found += str(part) in str(link.readlink())
    return found
