"""The files that the tests of words read, and the prose in each of them."""

import ast
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
NOT_READ = {"build", "dist", "__pycache__", "CHANGELOG.md", "words"}
"""Generated folders, the change log, and this folder, whose lists hold the words themselves."""
NO_TEXT = {".ico", ".png", ".pyd", ".so", ".svg", ".woff2"}
COMMENT = {
    **dict.fromkeys((".c", ".css"), "/*"),
    **dict.fromkeys((".js", ".mjs", ".ts", ".tsx"), "//"),
    ".json": None,
}
"""How a comment starts where it is not with a hash sign; JSON has none."""


class Line(NamedTuple):
    """A piece of text of at most one line, and where it stands."""

    path: str
    number: int
    text: str


@cache
def files() -> dict[str, str]:
    """Text of each file of the project, by its path from the root; the change log is left out."""
    found: dict[str, str] = {}
    folders = [ROOT]
    while folders:
        for entry in sorted(folders.pop().iterdir()):
            hidden = entry.name.startswith(".") and entry.name not in {".ci", ".github"}
            if hidden or entry.is_symlink() or entry.name in NOT_READ:
                continue
            if entry.is_dir():
                folders.append(entry)
            elif entry.suffix not in NO_TEXT:
                found[str(entry.relative_to(ROOT))] = entry.read_text()
    return found


def lines(path: str) -> Iterator[Line]:
    """Every line of a file."""
    for number, text in enumerate(files()[path].splitlines(), 1):
        yield Line(path, number, text)


def prose(path: str) -> Iterator[Line]:
    """What a person reads in a file: text of pages, docstrings, comments, messages and titles."""
    suffix = Path(path).suffix
    if suffix == ".md":
        return _markdown(path)
    if suffix == ".py":
        return _python(path)
    return _comments(path, COMMENT.get(suffix, "#"))


def _markdown(path: str) -> Iterator[Line]:
    """Lines of a page without its code, its inline code and the addresses of its links."""
    fenced = False
    for line in lines(path):
        if line.text.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            text = re.sub(r"`[^`]*`", "``", line.text)
            yield line._replace(text=re.sub(r"\]\([^)]*\)", "]()", text))


def _comments(path: str, start: str | None) -> Iterator[Line]:
    """Comments to the end of a line."""
    for line in lines(path):
        if start and start in line.text:
            yield line._replace(text=line.text.partition(start)[2])


def _python(path: str) -> Iterator[Line]:
    """Comments, and strings with a space in them: docstrings, messages, help texts, titles."""
    source = files()[path]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield from _string(path, node.lineno, node.value)
    for token in tokenize.generate_tokens(iter(source.splitlines(keepends=True)).__next__):
        if token.type == tokenize.COMMENT:
            yield Line(path, token.start[0], re.sub(r"`[^`]*`", "``", token.string))


def _string(path: str, start: int, text: str) -> Iterator[Line]:
    """Lines of a string that begins at a line."""
    for number, part in enumerate(text.splitlines(), start):
        yield Line(path, number, re.sub(r"``?[^`]*``?", "``", part))
