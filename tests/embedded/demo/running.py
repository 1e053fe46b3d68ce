"""A demo that runs in a test."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.live.servers import free_port

PATIENCE: Final = 90
"""Seconds; far more than any step takes."""
MARK: Final = "SHOP_DEMO_MARK"


@contextmanager
def demo(folder: Path, mark: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """Run the demo in `folder`, with the packages of this process."""
    paths = os.pathsep.join(path for path in sys.path if path)
    own = {"PYTHONPATH": paths, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", MARK: mark}
    port = () if "--port" in options else ("--port", str(free_port()))  # tests run side by side
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
        finally:  # not SIGKILL: the demo has to end its children
            process.terminate()
            process.wait(PATIENCE)


def wait_for_table(process: subprocess.Popen[str], parts: Iterable[str] = ()) -> str:
    """Read the output up to the first table of routes by which all parts have been shown."""
    assert process.stdout
    output = ""
    while not all(part in output for part in ("last 10 s", *parts)):
        line = process.stdout.readline()
        assert line, output
        output += line
    return output
