"""pytest finds the plugin by its entry point, and it costs nothing until it is used."""

import os
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIGHT = {"sidelight", "sidelight.errors", "sidelight.testing"}

USES = """
import warnings
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient
from fastapi import FastAPI
from sidelight import SidelightMiddleware

app = FastAPI()
app.add_middleware(SidelightMiddleware)

@app.get("/{x}")
async def item(x: int) -> int:
    return x
"""

COUNTS = """
import pytest
from service import TestClient, app

@pytest.mark.parametrize("n", range(1, 11))
def test_counts(sidelight_metrics, n):
    for _ in range(n):
        TestClient(app).get("/1")
    assert sidelight_metrics.count("http_server_request_duration", route="/{x}") == n
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of tests, with the project's entry points as if it were installed."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        points = tomllib.load(file)["project"]["entry-points"]["pytest11"]
    about = tmp_path / "site" / "sidelight_points-0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: sidelight-points\nVersion: 0\n")
    lines = [f"{name} = {module}" for name, module in points.items()]
    (about / "entry_points.txt").write_text("\n".join(["[pytest11]", *lines, ""]))
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "pytest.ini").write_text("[pytest]\n")
    (tests / "service.py").write_text(USES)
    return tests


def run(folder: Path, *options: str, **environment: str) -> tuple[int, str]:
    """Run pytest on a folder of tests, with the packages that this process has."""
    paths = [str(folder.parent / "site"), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **environment},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_plugin_is_found_light_and_shows_the_tests_line(folder: Path) -> None:
    """The fixture is there by itself; unused it imports nothing; a failure is at the test's line.

    In one run, since each starts a Python: files run in the order of their names.
    """
    (folder / "test_1_light.py").write_text(
        "import sys\n"
        "OURS = {'sidelight', 'starlette'}\n"
        "AT_COLLECTION = {n for n in sys.modules if n.split('.')[0] in OURS}\n"
        "def test_light():\n"
        f"    assert AT_COLLECTION == {LIGHT!r}\n"
    )
    (folder / "test_2_counts.py").write_text(COUNTS)
    (folder / "test_3_fails.py").write_text(
        "from service import TestClient, app\n"
        "def test_it(sidelight_metrics):\n"
        "    TestClient(app).get('/1')\n"
        "    sidelight_metrics.assert_faster_than('/{x}', p95=1e-9)\n"
    )
    code, output = run(folder)
    assert code == 1, output
    assert "11 passed" in output
    assert "1 failed" in output
    assert "test_3_fails.py:4: AssertionError" in output
    assert "testing/metrics.py" not in output


def test_it_can_be_turned_off(folder: Path) -> None:
    """With ``-p no:sidelight`` there is no such fixture."""
    (folder / "test_it.py").write_text("def test_it(sidelight_metrics): ...\n")
    code, output = run(folder, "-p", "no:sidelight")
    assert code == 1, output
    assert "fixture 'sidelight_metrics' not found" in output


@pytest.mark.slow
def test_workers_of_a_run_do_not_mix(folder: Path, tmp_path: Path) -> None:
    """Runs at the same time with one shared directory each count their own."""
    (folder / "test_it.py").write_text(COUNTS)
    shared = {"SIDELIGHT_DIR": str(tmp_path / "shared")}
    if find_spec("xdist") is not None:
        code, output = run(folder, "-n", "2", **shared)
        assert code == 0, output
        return
    paths = [str(tmp_path / "site"), *filter(None, sys.path)]
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), **shared},
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [process.communicate(timeout=110)[0] for process in runs]
    assert [process.returncode for process in runs] == [0, 0], outputs
