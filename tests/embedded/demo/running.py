"""A demo that a test runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.live.servers import free_port

PATIENCE: Final = 90
"""Seconds; far more than any step takes."""
MARK: Final = "SHOP_DEMO_MARK"


@contextmanager
def demo(folder: Path, mark: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The demo, started in `folder`, with the same packages at hand as this process has."""
    paths = os.pathsep.join(path for path in sys.path if path)
    own = {"PYTHONPATH": paths, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", MARK: mark}
    port = () if "--port" in options else ("--port", str(free_port()))  # others run their own
    with subprocess.Popen(
        [sys.executable, "-m", "sidelight", "demo", *port, *options],
        cwd=folder,
        env={**os.environ, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:  # not SIGKILL: the demo has children to end
            process.terminate()
            process.wait(PATIENCE)


def until_the_load(process: subprocess.Popen[str]) -> str:
    """What is said until all of it runs."""
    assert process.stdout
    said = ""
    while "last 10 s" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said
