"""The shop's demo as a user runs it: the whole of it, and stopped half-way."""

import os
import re
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[2] / "examples" / "shop" / "demo.py"
PATIENCE = 90  # seconds; far more than any of this takes
MARK = "SHOP_DEMO_MARK"

pytestmark = pytest.mark.live


@pytest.fixture
def mark() -> str:
    """What the environment of every process of one demo holds."""
    return uuid.uuid4().hex


@contextmanager
def demo(folder: Path, mark: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The demo, started in `folder`, with the same packages at hand as this process has."""
    paths = os.pathsep.join(path for path in sys.path if path)
    own = {"PYTHONPATH": paths, "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", MARK: mark}
    with subprocess.Popen(
        [sys.executable, str(DEMO), *options],
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


def port_of(text: str) -> int:
    found = re.search(r"metrics at http://127\.0\.0\.1:(\d+)/metrics", text)
    assert found, text
    return int(found[1])


def assert_nothing_is_left(folder: Path, mark: str, port: int) -> None:
    """Nobody listens, no process of the demo lives, and no file was left."""
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert processes(mark) == []
    assert list(folder.iterdir()) == []


def processes(mark: str) -> list[str]:
    """The living processes whose environment holds `mark` (on Linux; elsewhere none is seen)."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{MARK}={mark}".encode() in environ.read_bytes():
                found.append((environ.parent / "cmdline").read_text())
        except OSError:  # ended meanwhile, or another user's
            continue
    return found


def test_demo_shows_the_routes_and_leaves_nothing(tmp_path: Path, mark: str) -> None:
    """A short run shows a table that names the busy routes, and ends with everything gone."""
    with demo(tmp_path, mark, "--seconds", "6") as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    for route in ("/products/{product_id}", "/carts/{user}", "/orders/checkout"):
        assert route in out
    assert "/metrics   2 workers   " in out
    assert "nan" not in out.lower()
    assert_nothing_is_left(tmp_path, mark, port_of(out))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_demo_cleanly(tmp_path: Path, mark: str, number: int) -> None:
    """Ctrl-C or SIGTERM in the middle of the load ends it all, with exit code 0."""
    with demo(tmp_path, mark) as process:
        assert process.stdout
        first = process.stdout.readline() + process.stdout.readline()
        port = port_of(first)
        assert len(processes(mark)) > 1 or not Path("/proc").is_dir()
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("stopped\n")
    assert_nothing_is_left(tmp_path, mark, port)


def test_a_signal_during_the_start_stops_it_too(tmp_path: Path, mark: str) -> None:
    """Whoever changes their mind before the service answers is rid of it as well."""
    with demo(tmp_path, mark) as process:
        assert process.stdout
        assert "starting" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("stopped\n")
    assert processes(mark) == []


def test_a_service_that_cannot_start_shows_its_log(tmp_path: Path, mark: str) -> None:
    """With its port taken, uvicorn's own words are shown and the exit code is 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(tmp_path, mark, "--port", str(port)) as process:
            _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "address already in use" in err.lower()
    assert processes(mark) == []
