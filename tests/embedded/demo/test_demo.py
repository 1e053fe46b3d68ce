"""The demo as a user runs it: the whole of it, and stopped half-way."""

import re
import signal
import socket
import uuid
from contextlib import suppress
from pathlib import Path

import pytest

from sidelight.embedded.demo.play import endings
from tests.embedded.demo.running import MARK, PATIENCE, demo, until_the_load

pytestmark = pytest.mark.live


@pytest.fixture
def mark() -> str:
    """What the environment of every process of one demo holds."""
    return uuid.uuid4().hex


def port_of(text: str) -> int:
    found = re.search(r"metrics at  http://127\.0\.0\.1:(\d+)/metrics", text)
    assert found, text
    return int(found[1])


def assert_nothing_is_left(folder: Path, mark: str, port: int, stores: set[Path]) -> None:
    """Nobody listens, no process of the demo lives, and no file was left."""
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert processes(mark) == []
    assert list(folder.iterdir()) == []
    assert not any(store.parent.exists() for store in stores)


def processes(mark: str) -> list[dict[str, str]]:
    """The environments that hold `mark`: one a process (on Linux; elsewhere none is seen)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # ended meanwhile, or another user's
            pairs = (pair.partition("=") for pair in path.read_text().split("\0"))
            environ = {name: value for name, _, value in pairs}
            if environ.get(MARK) == mark:
                found.append(environ)
    return found


def stores(mark: str) -> set[Path]:
    """Where workers of the demo meet."""
    found = {environ.get("SIDELIGHT_DIR") for environ in processes(mark)}
    return {Path(path) for path in found if path}


def test_demo_shows_the_story_and_the_routes_and_leaves_nothing(tmp_path: Path, mark: str) -> None:
    """A short run tells where things are and what happens, shows busy routes, and is gone."""
    with demo(tmp_path, mark, "--minutes", "0.2") as process:
        out = until_the_load(process)
        met = stores(mark)
        rest, err = process.communicate(timeout=PATIENCE)
    out += rest
    assert (process.returncode, err) == (0, "")
    assert len(met) == 1
    for route in ("/products/{product_id}", "/carts/{user}", "/orders/checkout"):
        assert route in out
    for part in ("dashboards  http://127.0.0.1:", "  steady   ", "0:12", "Look at Fleet"):
        assert part in out
    assert "/metrics   2 workers   " in out
    assert "nan" not in out.lower()
    assert_nothing_is_left(tmp_path, mark, port_of(out), met)


IGNORED = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
HANGUP = pytest.mark.skipif(IGNORED, reason="these tests outlive their terminal, and so does it")


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=[HANGUP, pytest.mark.slow]),
    ],
)
def test_a_signal_stops_the_demo_cleanly(tmp_path: Path, mark: str, number: int) -> None:
    """Ctrl-C, SIGTERM or a closed terminal in the middle of the load ends it all, with code 0."""
    with demo(tmp_path, mark) as process:
        out = until_the_load(process)
        met = stores(mark)
        process.send_signal(number)
        rest, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert rest.endswith("stopped\n")
    assert_nothing_is_left(tmp_path, mark, port_of(out), met)


def test_what_is_to_outlive_its_terminal_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under nohup the signal stays ignored."""
    monkeypatch.setattr(signal, "getsignal", {signal.SIGHUP: signal.SIG_IGN}.get)
    assert endings() == [signal.SIGINT, signal.SIGTERM]


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


def test_a_port_that_is_taken_is_named(tmp_path: Path, mark: str) -> None:
    """With the viewer's port taken, its own words are shown and the exit code is 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with demo(tmp_path, mark, "--port", str(port)) as process:
            _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "address already in use" in err.lower()
    assert processes(mark) == []
