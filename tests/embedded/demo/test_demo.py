"""The demo as a user runs it."""

import asyncio
import re
import signal
import socket
import uuid
from contextlib import suppress
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidelight.cli import main
from sidelight.embedded.demo import screenshots
from sidelight.embedded.demo.processes import LOOP_BLOCK_THRESHOLD, child
from sidelight.embedded.demo.runner import LENGTH, SCENARIO, steps_after, stop_signals
from sidelight.errors import SidelightError
from tests.embedded.demo.running import MARK, PATIENCE, demo, wait_for_table

pytestmark = pytest.mark.live


@pytest.fixture
def mark() -> str:
    """A value in the environment of every process of one demo."""
    return uuid.uuid4().hex


def port_of(text: str) -> int:
    found = re.search(r"metrics     http://127\.0\.0\.1:(\d+)/metrics", text)
    assert found, text
    return int(found[1])


def assert_nothing_is_left(folder: Path, mark: str, port: int, stores: set[Path]) -> None:
    """Check that no port, process or file of the demo is left."""
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert processes(mark) == []
    assert list(folder.iterdir()) == []
    assert not any(store.parent.exists() for store in stores)


def processes(mark: str) -> list[dict[str, str]]:
    """The environment of each process with this `mark` (on Linux only)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):  # it has ended, or is another user's
            pairs = (pair.partition("=") for pair in path.read_text().split("\0"))
            environ = {name: value for name, _, value in pairs}
            if environ.get(MARK) == mark:
                found.append(environ)
    return found


def stores(mark: str) -> set[Path]:
    """The stores of the demo."""
    found = {environ.get("SIDELIGHT_DIR") for environ in processes(mark)}
    return {Path(path) for path in found if path}


SHOWN = (
    *("/products/{product_id}", "/carts/{user}", "/orders/checkout"),
    *("dashboards  http://127.0.0.1:", "  normal load   ", "See Fleet"),
    "/metrics   2 workers   ",  # once both have started
)
"""What the output has: the addresses, the scenario and the routes."""


@pytest.mark.slow
def test_the_demo_ends_after_its_minutes(tmp_path: Path, mark: str) -> None:
    """A demo of a limited time ends with code 0, and leaves nothing behind."""
    with demo(tmp_path, mark, "--minutes", "0.2") as process:
        output = wait_for_table(process)
        met = stores(mark)
        thresholds = {one.get("SIDELIGHT_LOOP_BLOCK_THRESHOLD") for one in processes(mark)}
        rest, errors = process.communicate(timeout=PATIENCE)
    output += rest
    assert LOOP_BLOCK_THRESHOLD in thresholds
    assert (process.returncode, errors) == (0, "")
    assert "0:12" in output
    assert [part for part in SHOWN if part not in output] == []
    assert "nan" not in output.lower()
    assert_nothing_is_left(tmp_path, mark, port_of(output), met)


IGNORED = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
HANGUP = pytest.mark.skipif(IGNORED, reason="SIGHUP is ignored here, and so in the demo")


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGINT,
        pytest.param(signal.SIGTERM, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, marks=[HANGUP, pytest.mark.slow]),
    ],
)
def test_a_signal_stops_the_demo_cleanly(tmp_path: Path, mark: str, number: int) -> None:
    """The demo shows the routes; Ctrl-C, SIGTERM or a closed terminal ends it with code 0."""
    with demo(tmp_path, mark) as process:
        output = wait_for_table(process, SHOWN)
        met = stores(mark)
        process.send_signal(number)
        rest, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    assert len(met) == 1
    assert "nan" not in output.lower()
    assert rest.endswith("stopped\n")
    assert_nothing_is_left(tmp_path, mark, port_of(output), met)


def test_steps_that_a_short_demo_leaves_out() -> None:
    """A demo of one minute has only the first step, and one of the whole scenario has all."""
    assert [step.name for step in steps_after(60)] == [step.name for step in SCENARIO[1:]]
    assert steps_after(SCENARIO[0].seconds + 1) == list(SCENARIO[2:])
    assert steps_after(LENGTH) == []


def test_screenshots_need_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named with the folder that was given; a file is refused at once."""
    monkeypatch.setattr(screenshots, "BROWSERS", ("no-such-browser",))
    done = CliRunner().invoke(main, ["demo", "--headless", "shots"])
    need = "Playwright: pip install playwright|one of no-such-browser, and none is installed"
    assert re.search(rf"^Error: --headless shots: screenshots need ({need})", done.output)
    (tmp_path / "file").touch()
    done = CliRunner().invoke(main, ["demo", "--headless", str(tmp_path / "file")])
    assert "is a file" in done.output


def test_sighup_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under nohup, SIGHUP does not end the demo."""
    monkeypatch.setattr(signal, "getsignal", {signal.SIGHUP: signal.SIG_IGN}.get)
    assert stop_signals() == [signal.SIGINT, signal.SIGTERM]


def test_a_signal_during_the_start_stops_the_demo(tmp_path: Path, mark: str) -> None:
    """Ctrl-C before the service answers ends the demo with code 0."""
    with demo(tmp_path, mark) as process:
        assert process.stdout
        assert "starting" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        out, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, errors) == (0, "")
    assert out.endswith("stopped\n")
    assert processes(mark) == []


@pytest.mark.slow
def test_a_port_in_use_is_named(tmp_path: Path, mark: str) -> None:
    """If the viewer's port is in use, its error is shown and the exit code is 1."""
    with socket.socket() as in_use:
        in_use.bind(("127.0.0.1", 0))
        in_use.listen()
        port = in_use.getsockname()[1]
        with demo(tmp_path, mark, "--port", str(port)) as process:
            _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "address already in use" in errors.lower()
    assert processes(mark) == []


@pytest.mark.parametrize(("code", "problem"), [(0, "ended unexpectedly"), (3, "ended with code 3")])
def test_a_child_that_ends_is_an_error(tmp_path: Path, code: int, problem: str) -> None:
    """A server that ends during the demo is an error that contains its output."""
    program = ("-c", f"print('port in use'); raise SystemExit({code})")

    async def run() -> None:
        async with child("the server", program, tmp_path, {}) as process:
            await process.fail_at_end()

    with pytest.raises(SidelightError, match=rf"the server: {problem}\nport in use"):
        asyncio.run(run())
