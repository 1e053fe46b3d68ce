"""A command whose extra is not installed names it."""

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT_EXTRAS = """
import sys
for name in ("fastapi", "google_re2", "re2", "httpx", "mcp", "nicegui", "numpy", "opentelemetry",
             "prometheus_client", "promql_parser", "rich", "uvicorn", "websockets", "yaml"):
    if name != sys.argv[1]:
        sys.modules[name] = None
from sidelight.cli import main
main(sys.argv[2:], prog_name="sidelight")
"""


def run(folder: Path, arguments: str, installed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_EXTRAS, installed, *arguments.split()]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("command", "installed", "extra"),
    [
        ("sidecar --directory store", "", "sidecar"),
        ("sidecar --directory store --otlp http://127.0.0.1:4318", "uvicorn", "sidecar,otlp"),
        ("sidecar --directory store --history 1h", "uvicorn", "history"),
        ("viewer", "", "viewer"),
        ("demo", "", "viewer"),
        ("mcp", "", "mcp"),
        ("top", "", "viewer"),
        ("rules build --all-jobs", "", "rules"),
        ("rules check --config shop.toml", "", "rules"),
    ],
)
def test_a_missing_extra_is_named(command: str, installed: str, extra: str, tmp_path: Path) -> None:
    """The error is one line with the command that installs the extra."""
    (tmp_path / "shop.toml").write_text('service = "shop"\n')
    done = run(tmp_path, command, installed)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert f"pip install 'sidelight[{extra}]'" in line


@pytest.mark.parametrize("command", ["config", "doctor", "slow", "dashboards export made"])
def test_other_commands_need_no_extra(command: str, tmp_path: Path) -> None:
    """The commands without an extra run with the package alone."""
    done = run(tmp_path, command)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)


def test_why_needs_no_extra(tmp_path: Path) -> None:
    """It asks over HTTP with the standard library; here nothing answers."""
    done = run(tmp_path, "why http://127.0.0.1:9")
    assert (done.returncode, done.stderr) == (1, "")
    assert "http://127.0.0.1:9/api/v1/query can't be reached" in done.stdout
