"""Where Sidelight logs when the application configures no logging, and when it does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.newest

SERVICE = """
import logging, sys
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sidelight import SidelightMiddleware

{configured}
app = FastAPI()

@app.get("/")
def read(): ...

app.add_middleware(
    SidelightMiddleware, slow_request_threshold=0.000001, loop_block_threshold=60
)
with TestClient(app) as client:
    client.get("/")
"""
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"


def lines(folder: Path, configured: str = "") -> list[str]:
    """What a service writes to stderr that starts, answers a slow request, and stops."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SERVICE.format(configured=configured)],
        cwd=folder,
        env={**os.environ, "SIDELIGHT_DIR": str(folder / "store")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stderr.splitlines()


def test_lines_have_a_time_and_a_level(tmp_path: Path) -> None:
    """Without any logging configured, each line has its time, level and logger."""
    started, slow = lines(tmp_path)
    assert re.fullmatch(TIME + r" INFO sidelight: requests are measured; .*", started)
    assert re.match(TIME + r" WARNING sidelight\.slow: slow request route=/ ", slow)


def test_the_start_names_the_file_that_was_read(tmp_path: Path) -> None:
    """The line of the start has the path of the settings, and says where there are none."""
    none = f"settings file: none ({tmp_path} has no sidelight.toml, and no [tool.sidelight] in "
    assert none in lines(tmp_path)[0]
    (tmp_path / "sidelight.toml").write_text("max_series = 200\n")
    assert lines(tmp_path)[0].endswith(f"settings file: {tmp_path / 'sidelight.toml'}")


@pytest.mark.parametrize(
    "configured",
    [
        "logging.basicConfig(level=logging.WARNING, format='mine %(name)s')",
        """
handler = logging.StreamHandler()
handler.setFormatter(logging.Formatter('mine %(name)s'))
logging.getLogger('sidelight.slow').addHandler(handler)
""",
    ],
)
def test_an_applications_own_logging_is_used(configured: str, tmp_path: Path) -> None:
    """A handler of the application is the only one that writes, at the level that it set."""
    assert "mine sidelight.slow" in (found := lines(tmp_path, configured))
    assert not [line for line in found if "WARNING" in line]
    if "basicConfig" in configured:
        assert found == ["mine sidelight.slow"]
