"""The two committed lists: old names, and words that prose does without."""

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.words.files import Line, files

FOLDER = Path(__file__).parent


class Entry(NamedTuple):
    """A pattern that must not occur, what stands in its place, and the files it holds for."""

    pattern: str
    instead: str
    where: Sequence[str] = ("*",)


def read(name: str) -> list[Entry]:
    """Entries of a list. ``where`` of a table has the paths that it holds for, with wildcards."""
    tables = tomllib.loads((FOLDER / name).read_text()).values()
    return [
        Entry(pattern, instead, table.get("where", ["*"]))
        for table in tables
        for pattern, instead in table.get("words", {}).items()
    ]


def violations(
    entries: list[Entry], text_of: Callable[[str], Iterable[Line]], flags: int = 0
) -> Iterator[str]:
    """A line for each match: the file, the line's number, the match and its replacement."""
    for path in files():
        here = [entry for entry in entries if any(fnmatch(path, one) for one in entry.where)]
        if not here:
            continue
        any_of = _whole("|".join(entry.pattern for entry in here), flags)
        for line in text_of(path):
            if any_of.search(line.text):
                for entry in here:
                    if match := _whole(entry.pattern, flags).search(line.text):
                        found = f"{line.path}:{line.number}: {match[0]!r}"
                        yield f"{found}: write {entry.instead!r} instead"


@cache
def _whole(pattern: str, flags: int) -> re.Pattern[str]:
    """A pattern that matches whole words."""
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", flags)
