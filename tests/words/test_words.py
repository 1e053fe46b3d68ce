"""No file uses a name that was renamed, and prose uses the words of the glossary."""

import re

import pytest

from tests.words import files, lists


def assert_none(found: list[str]) -> None:
    """Fail with every place at once."""
    if found:
        pytest.fail(f"{len(found)} places:\n" + "\n".join(found), pytrace=False)


def test_no_old_name_is_left() -> None:
    """No file but the change log contains a name that `old_names.toml` lists."""
    assert_none(list(lists.violations(lists.read("old_names.toml"), files.lines)))


def test_prose_uses_plain_words() -> None:
    """No page, docstring, comment, message or title contains a word that `prose.toml` lists."""
    assert_none(list(lists.violations(lists.read("prose.toml"), files.prose, re.IGNORECASE)))


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.md", "The old word.\n`the old word`\n```\nold word\n```\n", [1]),
        ("a.py", '"""An old word."""\nold = "word"  # an old word\n', [1, 2]),
        ("a.py", 'raise ValueError("an old word")\n', [1]),
        ("a.yml", "old word: 1  # an old word\nold word: 2\n", [1]),
        ("a.json", '{"old word": 1}\n', []),
    ],
)
def test_prose_is_found(
    monkeypatch: pytest.MonkeyPatch, path: str, text: str, expected: list[int]
) -> None:
    """A listed word is found in each kind of prose, and not in code."""
    monkeypatch.setattr(files, "files", lambda: {path: text})
    monkeypatch.setattr(lists, "files", lambda: {path: text})
    entry = lists.Entry("old words?", "new word")
    found = list(lists.violations([entry], files.prose, re.IGNORECASE))
    assert [int(line.split(":")[1]) for line in found] == expected
    assert all("'new word' instead" in line for line in found)


def test_no_merge_is_half_done() -> None:
    """No file contains the markers of a conflict of a merge."""
    marker = re.compile("^(?:[<]{7}|[>]{7}) |[<]{7} HEAD|[>]{7} main", re.MULTILINE)
    assert_none([path for path, text in files.files().items() if marker.search(text)])
