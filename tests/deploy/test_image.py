"""The Dockerfile: what can be tested without a container engine."""

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from tests.deploy.artefacts import ROOT, compose, pod

TEXT = (ROOT / "Dockerfile").read_text()
LINES = [
    line
    for line in re.sub(r"\\\n\s*", " ", TEXT).splitlines()
    if line.strip() and not line.startswith("#")
]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions(name: str) -> list[str]:
    """The arguments of each instruction of this name."""
    return [line.partition(" ")[2] for line in LINES if line.startswith(f"{name} ")]


def test_stages_begin_with_one_pinned_slim_python() -> None:
    """Both stages are based on one slim image of a full Python version that is supported."""
    bases = {each.split()[0] for each in instructions("FROM")}
    (base,) = bases
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base)
    minor = ".".join(base.partition(":")[2].split(".")[:2])
    assert f"Programming Language :: Python :: {minor}" in PROJECT["classifiers"]


def test_the_user_is_a_number_other_than_root() -> None:
    """The user is a number above those of the system, and is set before the command."""
    assert instructions("USER") == ["10001:10001"]
    names = [line.partition(" ")[0] for line in LINES]
    assert names.index("USER") < names.index("CMD")


def test_copied_files_exist() -> None:
    """Every source of a COPY from the context exists in the repository."""
    copied = [
        source
        for each in instructions("COPY")
        if not each.startswith("--from=")
        for source in each.split()[:-1]
    ]
    assert "pyproject.toml" in copied
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_the_wheel_is_built_from_the_copied_files(tmp_path: Path) -> None:
    """The files that the image copies suffice to build the wheel, with its data."""
    for each in instructions("COPY"):
        *sources, to = each.split()
        for source in sources:
            if not source.startswith(("--from=", "/")):
                place = tmp_path / (to if len(sources) == 1 and to != "./" else source)
                place.parent.mkdir(parents=True, exist_ok=True)
                copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
                copy(ROOT / source, place)
    build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel")
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {
        "sidelight/data/dashboards/sidelight-fleet.json",
        "sidelight/data/shop/app.py",
    } <= set(names)


def test_every_install_is_pinned() -> None:
    """Each ``pip install`` uses the constraints, which pin every package that it names."""
    installs = [each for each in instructions("RUN") if "pip install" in each]
    assert installs
    assert all("-c constraints.txt" in each for each in installs)
    pinned = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    named = installs[0].partition("-c constraints.txt")[2].replace('"', "").split()
    assert {word.partition("[")[0] for word in named} <= pinned


def test_the_extras_exist() -> None:
    """The project has the extras that the image installs."""
    extras = re.search(r'"\.\[([\w,]+)\]"', TEXT)
    assert extras
    assert set(extras[1].split(",")) <= set(PROJECT["optional-dependencies"])


def test_the_command_is_that_of_the_deployments() -> None:
    """The default command of the image is the command of compose and of Kubernetes."""
    (command,) = (json.loads(each) for each in instructions("CMD"))
    assert not instructions("ENTRYPOINT")  # so that `args` of a pod are the whole command
    assert compose()["shop"]["command"] == command
    args = [word for each in pod()["containers"][0]["args"] for word in each.split("=")]
    assert args == command
