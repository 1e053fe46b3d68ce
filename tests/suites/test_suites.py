"""The plugin that adds Sidelight to the applications of a suite, on a suite of three tests."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from fastapi import FastAPI

from tests.suites import suites
from tests.suites.agreement import requests

SUITE = """
import time

from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.middleware.trustedhost import TrustedHostMiddleware

app = FastAPI()

@app.get("/items/{item}")
async def read(item: int):
    if item == 0:
        time.sleep(0.001)
    return item

def test_measured():
    client = TestClient(app)
    assert [client.get(f"/items/{path}").status_code for path in ("1", "2", "x")] == [200, 200, 422]
    assert "http_server_request_duration_seconds" in client.get("/metrics").text

def test_different():
    app = FastAPI()
    app.get("/")(lambda: 1)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["other"])
    assert TestClient(app).get("/").status_code == 400

def test_blocking():
    assert TestClient(app).get("/items/0").status_code == 200
"""
SWITCHES = ["SUITE_SIDELIGHT", "SUITE_ORACLE", "SUITE_BLOCKBUSTER"]
pytestmark = [
    pytest.mark.newest,
    pytest.mark.slow,
    pytest.mark.skipif(
        "telemetry" not in inspect.signature(FastAPI).parameters,
        reason="this FastAPI has no telemetry of its own",
    ),
]


def run(folder: Path, *switches: str) -> suites.Report:
    """Run the suite with some switches on."""
    (folder / "test_suite.py").write_text(SUITE)
    environment = {key: text for key, text in os.environ.items() if key not in SWITCHES}
    subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "measured_suite", "-p", "no:sidelight"),
            *("--junitxml=report.xml", "test_suite.py"),
        ],
        cwd=folder,
        env={
            **environment,
            **dict.fromkeys(switches, "1"),
            "PYTHONPATH": str(suites.HERE / "plugin"),
        },
        check=False,
        timeout=200,
    )
    return suites.read(folder / "report.xml")


def test_without_a_switch_nothing_is_added(tmp_path: Path) -> None:
    """A bare run has no metrics, and blocking calls pass."""
    report = run(tmp_path)
    assert report.outcomes == {
        "test_suite.py::test_measured": "failure",
        "test_suite.py::test_different": "passed",
        "test_suite.py::test_blocking": "passed",
    }
    assert (report.requests, report.differences) == (0, {})


def test_applications_are_measured_and_compared(tmp_path: Path) -> None:
    """Each application has Sidelight, a blocking call raises, and a difference is named."""
    report = run(tmp_path, *SWITCHES)
    assert report.outcomes == {
        "test_suite.py::test_measured": "passed",
        "test_suite.py::test_different": "passed",
        "test_suite.py::test_blocking": "failure",
    }
    assert report.differences["test_suite.py::test_different"] == [
        [[[["GET", "/", "400"], 1]], [[["GET", "", "400"], 1]]]
    ]
    assert requests(report.differences["test_suite.py::test_different"][0]) == 1
