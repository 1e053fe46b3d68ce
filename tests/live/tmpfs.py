"""A small file system in memory, of a test's own."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tmpfs(path: Path, options: str) -> Iterator[Path]:
    """A mounted tmpfs; skips the test where that isn't allowed."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a tmpfs can't be mounted here: {getattr(error, 'stderr', error)}")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)
