"""`sidelight dashboards export` writes the committed files."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidelight import packaged
from sidelight.cli import main
from sidelight.histogram_queries import count, for_engine, total, without_native
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


def test_export_for_an_engine_without_native_histograms(tmp_path: Path) -> None:
    """With --classic-histograms no query has a function of native ones; all else is the same."""
    done = CliRunner().invoke(main, ["dashboards", "export", "--classic-histograms", str(tmp_path)])
    assert done.exit_code == 0, done.output
    changed, native = 0, 0
    for committed in JSON.iterdir():
        text, exported = committed.read_text(), (tmp_path / committed.name).read_text()
        assert not re.search(r"histogram_(?!quantile\()\w+", exported)
        lines = zip(text.splitlines(), exported.splitlines(), strict=True)
        differing = [(before, after) for before, after in lines if before != after]
        assert all('"expr": ' in before and '"expr": ' in after for before, after in differing)
        changed += len(differing)
        native += sum("histogram_count(" in line for line in text.splitlines())
    assert changed == native > 10


def test_a_query_for_an_engine_without_native_histograms() -> None:
    """Each sum keeps what it reads of classic histograms, whatever its matchers have in them."""
    matchers = 'a="b) or (\\"",c!~"(5..|x)"'
    for part in (count, total):
        query = f"sum by (a) ({part('x', matchers, over='[5m]')}) > 0"
        assert without_native(for_engine(query, native=True)) == for_engine(query, native=False)


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
