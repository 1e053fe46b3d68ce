"""Each lesson's metric tells the wrong way from the right one, in a run as a user starts it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runtime import programs

ROOT = Path(__file__).parents[2]
RUN = ROOT / "examples" / "lessons" / "run.py"
PATIENCE = 110.0
Figures = dict[str, tuple[float, float]]

pytestmark = [pytest.mark.live, pytest.mark.newest]


def run(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """The script, in an empty folder, with the packages that this process has."""
    paths = os.pathsep.join(path for path in sys.path if path)
    plain = {name: text for name, text in os.environ.items() if name != "LESSONS_DSN"}
    return subprocess.run(
        [sys.executable, str(RUN), "--seconds", "1"],
        cwd=folder,
        env={**plain, "PYTHONPATH": paths, "TMPDIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def address(name: str) -> Iterator[dict[str, str]]:
    """What the environment says of a database."""
    if name == "sqlite":
        yield {}
        return
    with programs.postgres() as where:
        yield {"LESSONS_DSN": f"postgresql://test@/postgres?host={where}"}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def printed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one run prints."""
    folder = tmp_path_factory.mktemp("lessons")
    for environment in address(request.param):
        done = run(folder, **environment)
        assert done.returncode == 0, done.stderr
        assert list(folder.iterdir()) == []
        return done.stdout
    raise AssertionError


def table(text: str) -> list[list[str]]:
    """The cells of the first table of a text: lesson, figure, wrong, right."""
    lines = re.findall(r"^\| (.*) \|$", text.partition("What is done")[0], re.MULTILINE)
    return [line.split(" | ") for line in lines]


@pytest.fixture(scope="module")
def figures(printed: str) -> Figures:
    """What a run says, wrong and right, by what is measured."""
    return {
        figure: (number(wrong), number(right)) for _, figure, wrong, right in table(printed)[2:]
    }


def number(cell: str) -> float:
    """``1,183 ms`` without its unit."""
    return float(cell.split(maxsplit=1)[0].replace(",", ""))


def pair(figures: Figures, start: str) -> tuple[float, float]:
    (found,) = [both for figure, both in figures.items() if figure.startswith(start)]
    return found


def test_waits_tell_a_pool_from_connections_made_anew(figures: Figures) -> None:
    """To make a connection takes a multiple of what it takes to be handed one."""
    wrong, right = pair(figures, "`db_client_connection_wait_time_seconds`")
    assert wrong > 1.5 * right > 0


def test_held_seconds_tell_the_loop_from_an_executor(figures: Figures) -> None:
    """Work on the loop is counted against its route; in threads it holds nothing worth a word."""
    wrong, right = pair(figures, "`asyncio_event_loop_blocked_seconds_total`")
    assert wrong > 0.3
    assert wrong > 3 * right


def test_statuses_and_validation_errors_tell_late_checks_from_early_ones(figures: Figures) -> None:
    """Late, half of the requests are errors of the service; early, they are the client's."""
    failed = pair(figures, "`http_server_request_duration_seconds_count`")
    invalid = pair(figures, "`fastapi_validation_errors_total`")
    assert failed[0] > 20
    assert failed[1] == 0
    assert invalid[0] == 0
    assert invalid[1] > 20


def test_uses_of_the_pool_tell_late_checks_from_early_ones(figures: Figures) -> None:
    """Late, every request takes a connection; early, only those that are good for something."""
    wrong, right = pair(figures, "`db_client_connection_use_time_seconds_count`")
    assert wrong > 1.3 * right > 0


def test_sizes_tell_a_whole_row_from_a_response_model(figures: Figures) -> None:
    """What isn't meant for clients makes a response many times as large."""
    wrong, right = pair(figures, "`http_server_response_body_size_bytes`")
    assert wrong > 10 * right > 0


def test_timing_of_ones_own_costs_more(figures: Figures) -> None:
    """A BaseHTTPMiddleware costs a multiple of what Sidelight does."""
    wrong, right = pair(figures, "CPU added")
    assert wrong > 2 * right


def test_timing_of_ones_own_does_not_see_a_stream(figures: Figures) -> None:
    """It stops its clock when a response begins; Sidelight when it ends."""
    wrong, right = pair(figures, "seen of a stream")
    assert right >= 0.3
    assert wrong < right / 2


def rows(text: str) -> list[list[str]]:
    """Lessons and their figures, without numbers, of the first table of a text."""
    return [[re.sub(r"\d+ µs", "", cell) for cell in row[:2]] for row in table(text)]


def test_the_readme_shows_what_a_run_prints(printed: str) -> None:
    """The table of the README has the rows that the script prints."""
    assert len(rows(printed)) > 10
    assert rows((RUN.parent / "README.md").read_text()) == rows(printed)
