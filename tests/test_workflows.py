"""The workflows run what is supported, with pinned actions and no more rights than needed."""

import re
import runpy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PYTHONS: list[str] = runpy.run_path(str(ROOT / "docs" / "compatibility.py"))["pythons"]()


def jobs(path: Path) -> dict[str, Any]:
    """Jobs of a workflow by their names."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return found


def steps() -> list[dict[str, Any]]:
    """Steps of all jobs of all workflows."""
    return [step for path in WORKFLOWS for job in jobs(path).values() for step in job["steps"]]


def test_the_matrix_has_the_pythons_of_the_classifiers() -> None:
    """The workflow and `make test-pythons` run the Pythons that the classifiers name."""
    matrix = jobs(ROOT / ".github/workflows/checks.yml")["pythons"]["strategy"]["matrix"]
    makefile = re.search(r"^PYTHONS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert makefile
    assert matrix["python"] == makefile[1].split() == PYTHONS


def test_actions_are_pinned() -> None:
    """Each action is named by a commit, with its version in a comment."""
    for path in WORKFLOWS:
        found = re.findall(r"uses: (.*)", path.read_text())
        assert found, path
        for uses in found:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", uses), uses


def test_commands_of_the_workflows_exist() -> None:
    """Each `make` target that a workflow runs is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    run = " ".join(step.get("run", "") for step in steps())
    named = re.findall(r"make ([a-z-]+)", run)
    assert set(named) <= targets
    wanted = {"test", "test-pythons", "test-freethreaded", "test-wheel", "lint", "types", "dist"}
    assert wanted <= set(named)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_rights_are_given_to_jobs(path: Path) -> None:
    """A workflow has no rights by itself, each job names its own, and no secret is used."""
    text = path.read_text()
    assert yaml.safe_load(text)["permissions"] == {}
    assert all(job["permissions"] and job["timeout-minutes"] for job in jobs(path).values())
    assert "secrets." not in text


def test_only_the_publishing_job_signs() -> None:
    """The job that publishes runs nothing that the repository contains."""
    release = jobs(ROOT / ".github/workflows/release.yml")
    assert release["build"]["permissions"] == {"contents": "read"}
    assert release["publish"]["permissions"]["id-token"] == "write"
    assert not any("run" in step for step in release["publish"]["steps"])
    assert not any("checkout" in step.get("uses", "") for step in release["publish"]["steps"])


def test_hooks_use_the_tools_of_the_project() -> None:
    """Each hook before a commit is local, and runs a tool of the pinned environment or bash."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    for repo in config["repos"]:
        assert repo["repo"] == "local"
        for hook in repo["hooks"]:
            assert hook["entry"].startswith((".venv/bin/", "bash -c ")), hook["id"]


def test_a_python_that_is_not_there_is_named() -> None:
    """`make test-pythons` names versions that are not found, and fails where none is."""
    done = subprocess.run(
        [ROOT / ".ci" / "pythons", "3.98", "3.99"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stdout == "passed: none; failed: none; not found: 3.98 3.99\n"
