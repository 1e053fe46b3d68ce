"""`sidelight dashboards export` writes the committed files."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from sidelight import packaged
from sidelight.cli import main
from tests.dashboards.reading import JSON


def test_export_writes_every_dashboard(tmp_path: Path) -> None:
    """All dashboards are written to a new folder, byte for byte, and their paths are printed."""
    into = tmp_path / "some" / "where"
    done = CliRunner().invoke(main, ["dashboards", "export", str(into)])
    assert done.exit_code == 0, done.output
    names = sorted(path.name for path in JSON.iterdir())
    assert sorted(path.name for path in into.iterdir()) == names
    assert done.output.splitlines() == [str(into / name) for name in names]
    assert all((into / name).read_bytes() == (JSON / name).read_bytes() for name in names)


def test_export_reports_an_impossible_folder(tmp_path: Path) -> None:
    """A folder that cannot be created gives an error message and no traceback."""
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(main, ["dashboards", "export", str(tmp_path / "file" / "below")])
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")


def test_export_without_dashboards_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the installation has no dashboards, the message says how to get them."""
    monkeypatch.setattr(packaged, "_WHEEL", tmp_path)
    monkeypatch.setattr(packaged, "_CHECKOUT", tmp_path)
    done = CliRunner().invoke(main, ["dashboards", "export", str(tmp_path)])
    assert done.exit_code == 1
    assert "install the wheel" in done.output
