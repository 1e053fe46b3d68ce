"""`sidelight config`: each setting, and where it comes from."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sidelight.cli import main
from sidelight.settings import OPTIONS

APP = """
from fastapi import FastAPI
from sidelight import SidelightMiddleware

def create_app():
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, max_series=500, metrics_token="secret-word")
    return app

bare = FastAPI()
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["config", *arguments])


def rows(done: Result) -> dict[str, list[str]]:
    """The value and the source of each setting of the table."""
    cells = [line.split("  ") for line in done.stdout.splitlines()]
    return {row[0]: [cell.strip() for cell in row[1:] if cell] for row in cells if len(row) > 2}


@pytest.fixture
def file(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of settings in the working directory, and a variable."""
    text = 'service = "shop"\nmax_series = 200\n[slo]\nlatency = "99% < 70ms"\n'
    text += '[[slo.route]]\nmatch = "GET /"\navailability = "99%"\n'
    (file := empty_folder / "sidelight.toml").write_text(text)
    monkeypatch.setenv("SIDELIGHT_MAX_SERIES", "300")
    return file


def test_each_setting_has_its_source(file: Path) -> None:
    """All settings are there, with the value that wins and the source that it comes from."""
    done = call()
    found = rows(done)
    assert done.stdout.splitlines()[0] == f"settings file: {file}"
    assert set(found) == {"setting", *OPTIONS, "slo.latency", "slo.route"}
    assert found["service"] == ["'shop'", str(file)]
    assert found["max_series"] == ["300", "SIDELIGHT_MAX_SERIES"]
    assert found["exclude"] == ["()", "default"]
    assert found["slo.latency"] == ["'99% < 70ms'", str(file)]
    assert found["slo.route"] == ["{'match': 'GET /', 'availability': '99%'}", str(file)]
    assert "0.07" in found["buckets"][0]
    assert found["buckets"][1] == "default, with thresholds and latencies"
    assert "sidelight config MODULE:APP" in done.stderr


def test_arguments_of_an_application(file: Path) -> None:
    """With an application, its arguments are there, but never a token."""
    (file.parent / "configured_app.py").write_text(APP)
    done = call("configured_app:create_app")
    assert rows(done)["max_series"] == ["500", "argument"]
    assert rows(done)["metrics_token"] == ["...", "argument"]
    assert "secret" not in done.output
    bare = call("configured_app:bare")
    assert (bare.exit_code, bare.output) == (
        1,
        "Error: configured_app:bare has no SidelightMiddleware\n",
    )


def test_the_name_of_opentelemetry(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a service in the settings, its name and version are OpenTelemetry's, if any."""
    assert rows(call())["service"] == ["None", "default"]
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=bank")
    assert rows(call())["service"] == ["'bank'", "OTEL_RESOURCE_ATTRIBUTES"]
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    assert rows(call())["service"] == ["'shop'", "OTEL_SERVICE_NAME"]
    assert rows(call())["service_version"] == ["None", "default"]
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.version=7")
    assert rows(call())["service_version"] == ["'7'", "OTEL_RESOURCE_ATTRIBUTES"]


def test_everything_is_turned_off(empty_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SIDELIGHT_DISABLED` is said, and a file that is missing is an error in one line."""
    monkeypatch.setenv("SIDELIGHT_DISABLED", "1")
    assert "SIDELIGHT_DISABLED turns everything off" in call().stdout
    monkeypatch.setenv("SIDELIGHT_CONFIG", "/no/such.toml")
    assert call().output.startswith("Error: SIDELIGHT_CONFIG='/no/such.toml': is no file; for ex")
