"""The metric of each lesson distinguishes the wrong way from the right way."""

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
TIMEOUT = 110.0
Results = dict[str, tuple[float, float]]

pytestmark = [pytest.mark.live, pytest.mark.newest]


def run(folder: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Run the script in an empty folder, with the packages of this process."""
    paths = os.pathsep.join(path for path in sys.path if path)
    plain = {name: text for name, text in os.environ.items() if name != "LESSONS_DSN"}
    return subprocess.run(
        [sys.executable, str(RUN), "--seconds", "0.5"],
        cwd=folder,
        env={**plain, "PYTHONPATH": paths, "TMPDIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def address(name: str) -> Iterator[dict[str, str]]:
    """The environment variables of a database."""
    if name == "sqlite":
        yield {}
        return
    with programs.postgres() as where:
        yield {"LESSONS_DSN": f"postgresql://test@/postgres?host={where}"}


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
)
def printed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of one run."""
    folder = tmp_path_factory.mktemp("lessons")
    for environment in address(request.param):
        done = run(folder, **environment)
        assert done.returncode == 0, done.stderr
        assert list(folder.iterdir()) == []
        return done.stdout
    raise AssertionError


def table(text: str) -> list[list[str]]:
    """The cells of the first table of a text: lesson, metric, wrong, right."""
    lines = re.findall(r"^\| (.*) \|$", text.partition("The two ways")[0], re.MULTILINE)
    return [line.split(" | ") for line in lines]


@pytest.fixture(scope="module")
def results(printed: str) -> Results:
    """The wrong and the right value of each metric."""
    return {
        metric: (number(wrong), number(right)) for _, metric, wrong, right in table(printed)[2:]
    }


def number(cell: str) -> float:
    """The number in a cell such as ``1,183 ms``."""
    return float(cell.split(maxsplit=1)[0].replace(",", ""))


def pair(results: Results, start: str) -> tuple[float, float]:
    (found,) = [both for metric, both in results.items() if metric.startswith(start)]
    return found


def test_pools(results: Results) -> None:
    """A new connection takes a multiple of the time of a pooled connection."""
    wrong, right = pair(results, "`db_client_connection_wait_time_seconds`")
    assert wrong > 1.5 * right > 0


def test_executor(results: Results) -> None:
    """Work on the event loop is attributed to its route; work in threads blocks little."""
    wrong, right = pair(results, "`asyncio_event_loop_blocked_seconds_total`")
    assert wrong > 0.3
    assert wrong > 3 * right


def test_victims_of_the_event_loop(results: Results) -> None:
    """The page shows of another route that its requests waited, as long as its clients felt it."""
    felt = pair(results, "another route, measured by its clients")
    shown = pair(results, "`http_server_request_duration_seconds` of that route")
    waited = pair(results, "`fastapi_request_queue_seconds_sum`")
    assert felt[0] >= shown[0] > felt[0] / 2
    assert shown[0] > 3 * shown[1]
    assert waited[0] > 0.3
    assert waited[0] > 3 * waited[1]


def test_validation_statuses(results: Results) -> None:
    """Late validation fails half of the requests with 500; early validation with 422."""
    failed = pair(results, "`http_server_request_duration_seconds_count`")
    invalid = pair(results, "`fastapi_validation_errors_total`")
    assert failed[0] > 20
    assert failed[1] == 0
    assert invalid[0] == 0
    assert invalid[1] > 20


def test_validation_connections(results: Results) -> None:
    """With late validation every request uses a connection; with early, only valid requests."""
    wrong, right = pair(results, "`db_client_connection_use_time_seconds_count`")
    assert wrong > 1.3 * right > 0


def test_response_model(results: Results) -> None:
    """A whole row is many times as large as the fields of a response model."""
    wrong, right = pair(results, "`http_server_response_body_size_bytes`")
    assert wrong > 10 * right > 0


def test_timing_cost(results: Results) -> None:
    """A BaseHTTPMiddleware costs a multiple of Sidelight."""
    wrong, right = pair(results, "CPU added")
    assert wrong > 2 * right


def test_timing_of_a_stream(results: Results) -> None:
    """A BaseHTTPMiddleware measures a stream until its start, Sidelight until its end."""
    wrong, right = pair(results, "measured of a stream")
    assert right >= 0.3
    assert wrong < right / 2


def rows(text: str) -> list[list[str]]:
    """The lessons and metrics of the first table of a text, without values."""
    return [[re.sub(r"\d+ µs", "", cell) for cell in row[:2]] for row in table(text)]


def test_the_readme_shows_what_a_run_prints(printed: str) -> None:
    """The table of the README has the rows that the script prints."""
    assert len(rows(printed)) > 10
    assert rows((RUN.parent / "README.md").read_text()) == rows(printed)
