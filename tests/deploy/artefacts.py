"""The files in ``deploy/``, read as data."""

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
BASE = DEPLOY / "kubernetes" / "base"
DASHBOARDS = DEPLOY / "kubernetes" / "dashboards"
UNITS = DEPLOY / "systemd"

DIRECTORY = "/run/sidelight/shop"
PORT = 9464
WORKER = 6 * 2**20  # bytes of a worker's file, at most
MIB = 2**20


def load(path: Path) -> Any:
    """A YAML file of one document."""
    return yaml.safe_load(path.read_text())


@cache
def rendered() -> list[dict[str, Any]]:
    """The objects that kustomize generates from the base, or a skipped test."""
    text = run("kubectl", "kustomize", str(BASE), package="kubectl").stdout
    return list(yaml.safe_load_all(text))


def run(*command: str, package: str, where: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a tool; skips the test if it is not installed, fails the test if it reports an error."""
    found = shutil.which(command[0])
    if found is None:
        pytest.skip(f"{command[0]} is not installed ({package})")
    done = subprocess.run(
        [found, *command[1:]],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def compose() -> dict[str, Any]:
    """``compose.yaml``'s services."""
    found: dict[str, Any] = load(COMPOSE / "compose.yaml")["services"]
    return found


def manifest(name: str) -> dict[str, Any]:
    """One file of the base."""
    found: dict[str, Any] = load(BASE / f"{name}.yaml")
    return found


def pod() -> dict[str, Any]:
    """The Deployment's pod."""
    found: dict[str, Any] = manifest("deployment")["spec"]["template"]["spec"]
    return found


def unit(name: str) -> dict[str, list[str]]:
    """All keys of a unit file, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / name).read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def unit_environment(name: str) -> dict[str, str]:
    """The environment that a unit sets."""
    return dict(
        value.split("=", 1)
        for line in unit(name).get("Environment", [])
        for value in shlex.split(line)
    )


def sidecar_arguments() -> dict[str, list[str]]:
    """By deployment, the arguments of ``sidelight sidecar``."""
    (line,) = unit("sidelight@.service")["ExecStart"]
    for specifier, value in {"%t": "/run", "%i": "shop", "%d": "/run/credentials/shop"}.items():
        line = line.replace(specifier, value)
    commands = {
        "compose": compose()["sidecar"]["command"],
        "kubernetes": pod()["initContainers"][0]["args"],
        "systemd": [Path(shlex.split(line)[0]).name, *shlex.split(line)[1:]],
    }
    assert all(command[:2] == ["sidelight", "sidecar"] for command in commands.values())
    return {name: command[2:] for name, command in commands.items()}


def option(arguments: list[str], name: str) -> str | None:
    """The value of ``--name``, in one argument or in two."""
    for at, word in enumerate(arguments):
        if word == f"--{name}":
            return arguments[at + 1]
        if word.startswith(f"--{name}="):
            return word.partition("=")[2]
    return None


def service_environments() -> dict[str, dict[str, str]]:
    """By deployment, the environment of the service."""
    return {
        "compose": compose()["shop"]["environment"],
        "kubernetes": {each["name"]: each["value"] for each in pod()["containers"][0]["env"]},
        "systemd": unit_environment("shop.service"),
    }


def configurations() -> Iterator[Path]:
    """Every file under ``deploy/`` that a program of a deployment reads, and the Dockerfile."""
    yield ROOT / "Dockerfile"
    for path in sorted(DEPLOY.rglob("*")):
        inside = path.relative_to(DEPLOY).parts
        committed = path.is_file() and not {"secrets", "tests"} & set(inside)
        if committed and path.suffix in {".yaml", ".yml", ".service", ".conf"}:
            yield path
