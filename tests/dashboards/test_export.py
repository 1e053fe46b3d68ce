"""`sidelight dashboards export` writes what is committed."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sidelight import packaged
from sidelight.cli import main
from tests.dashboards.reading import JSON


def test_export_writes_every_dashboard(tmp_path: Path) -> None:
    """Into a folder that need not be there go all dashboards, each named, byte for byte."""
    into = tmp_path / "some" / "where"
    done = CliRunner().invoke(main, ["dashboards", "export", str(into)])
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in JSON.iterdir())
    assert sorted(path.name for path in into.iterdir()) == names
    assert done.output.splitlines() == [str(into / name) for name in names]
    assert all((into / name).read_bytes() == (JSON / name).read_bytes() for name in names)


def test_export_says_what_is_in_the_way(tmp_path: Path) -> None:
    """A folder that can't be made is a message, and no traceback."""
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, ["dashboards", "export", str(tmp_path / "file" / "below")])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")


def test_an_installation_without_dashboards_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there are none, the command says what has them."""
    monkeypatch.setattr(packaged, "_WHEEL", tmp_path)
    monkeypatch.setattr(packaged, "_CHECKOUT", tmp_path)
    done = CliRunner().invoke(main, ["dashboards", "export", str(tmp_path)])
    assert done.exit_code == 1
    assert "install the wheel" in done.output
