"""What tests list may be removed meanwhile."""

from pathlib import Path

import pytest

from tests.listing import entries


def test_a_folder_may_go_while_it_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that was there a moment ago, and is gone when it is opened, has no entries."""
    (tmp_path / "a").mkdir()
    assert entries(tmp_path) == [tmp_path / "a"]
    monkeypatch.setattr(Path, "is_dir", lambda _: True)
    assert entries(tmp_path / "gone") == []
