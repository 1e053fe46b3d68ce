"""Suites of other projects: fetched as source archives, run by pytest, read from its report."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

HERE = Path(__file__).parent
CACHE = HERE.parent.parent / ".cache" / "suites"
SECONDS = 3600
"""After which a run of a suite hangs."""
TEST_SECONDS = 120
NOT_OURS = ("SIDELIGHT_", "OTEL_", "PYTEST_")


Difference = list[list[Any]]
"""What only Sidelight counts, and what only the telemetry counts: labels, and how many requests."""


class Suite(NamedTuple):
    """The tests of a project, and the folders of its archive that they import from."""

    project: str
    path: tuple[str, ...] = ()


class Report(NamedTuple):
    """What became of each test of one run, and what the oracle says."""

    outcomes: dict[str, str]
    requests: int
    differences: dict[str, list[Difference]]


def archive(project: str) -> Path:
    """The source archive of the installed version of a project."""
    release = version(project)
    found = CACHE / f"{project}-{release}.tar.gz"
    if not found.is_file():
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--no-binary", ":all:", "--no-build-isolation", "--dest", str(CACHE)),
                f"{project}=={release}",
            ],
            check=True,
        )
    return found


def unpacked(project: str, folder: Path) -> Path:
    """A project's source, unpacked anew: its tests leave files where they are interrupted."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive(project)) as packed:
        packed.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def run(suite: Suite, name: str, tests: Sequence[str] = ("tests",), **switches: str) -> Report:
    """Run tests of a suite. ``switches`` are those of `measured_suite`, ``name`` the report's.

    Raises `subprocess.TimeoutExpired` where it hangs.
    """
    folder, report = unpacked(suite.project, CACHE / name), CACHE / f"{name}.xml"
    report.unlink(missing_ok=True)
    clean = {key: text for key, text in os.environ.items() if not key.startswith(NOT_OURS)}
    path = os.pathsep.join([*suite.path, str(HERE / "plugin")])
    with report.with_suffix(".log").open("wb") as log:
        subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short"),
                *("-p", "measured_suite", "-p", "no:sidelight", "-p", "no:cacheprovider"),
                *("-n", "2", "--dist", "loadgroup", f"--timeout={TEST_SECONDS}"),
                *(f"--junitxml={report}", *tests),
            ],
            cwd=folder,
            env={**clean, "PYTHONPATH": path, **switches},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    return read(report)


def read(path: Path) -> Report:
    """Read a report in JUnit's format."""
    outcomes: dict[str, str] = {}
    differences: dict[str, list[Difference]] = {}
    requests = 0
    for case in ET.parse(path).iter("testcase"):  # noqa: S314 pytest wrote it
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        found = {each.get("name"): each.get("value", "") for each in case.iter("property")}
        test = found.get("node", f"{case.get('classname')}::{case.get('name')}")
        outcomes[test] = min(kinds, default="passed")
        requests += int(found.get("requests", "0"))
        if "differences" in found:
            differences[test] = json.loads(found["differences"])
    return Report(outcomes, requests, differences)
