"""``sidelight slow`` over several directories."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from sidelight.cli import main
from sidelight.store import directory
from tests.store.driving import killed, shared, worker
from tests.store.test_store_slow import record


def test_slow_requests_of_all_servers_are_listed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a directory, the slow requests of all servers are listed, the newest first."""
    paths = [tmp_path / "a", tmp_path / "b"]
    for path, times in zip(paths, ((1.0, 4.0), (2.0, 3.0)), strict=True):
        where = shared(path)
        file = worker(where)
        for when in times:
            file.add_slow_request(record(when))
        killed(file)
        where.close()
    monkeypatch.delenv("SIDELIGHT_DIR", raising=False)
    monkeypatch.setattr(directory, "own_directories", lambda: list(map(str, paths)))
    lines = CliRunner().invoke(main, ["slow", "--json"]).stdout.splitlines()
    assert [json.loads(line)["when"] for line in lines] == [4.0, 3.0, 2.0, 1.0]
