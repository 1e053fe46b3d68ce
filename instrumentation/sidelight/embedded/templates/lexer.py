"""The text of a template is split into actions, and the text of an action into tokens."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from sidelight.errors import SidelightError

_ACTION = re.compile(
    r"\{\{(?P<left>-(?=\s))?(?P<inner>(?:\"(?:[^\"\\\n]|\\.)*\"|`[^`]*`|/\*.*?\*/|[^\"`}]|\}(?!\}))*?)"
    r"(?P<right>(?<=\s)-)?\}\}",
    re.DOTALL,
)
_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\\n]|\\.)*\"|`[^`]*`)|(?P<number>[+-]?\d+(?:\.\d+)?)"
    r"|(?P<field>\$?[A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)+|\.|\$[A-Za-z0-9_]*)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<sign>:=|[|(),=]))"
)


class TemplateError(SidelightError):
    """A template can't be read or expanded."""


class TemplateToken(NamedTuple):
    """One token of an action; ``kind`` is the name of a group of ``_TOKEN``."""

    kind: str
    text: str


def text_and_actions(text: str) -> Iterator[str | list[TemplateToken]]:
    """Yield plain texts and the tokens of actions. Raises `TemplateError`."""
    at, trim = 0, False
    for found in _ACTION.finditer(text):
        plain = text[at : found.start()]
        plain = plain.lstrip() if trim else plain
        yield plain.rstrip() if found["left"] else plain
        if not found["inner"].strip().startswith("/*"):
            yield list(_tokens(found["inner"]))
        at, trim = found.end(), found["right"] is not None
    rest = text[at:]
    if "{{" in rest:
        raise TemplateError(f"unclosed action: {rest[rest.index('{{') :][:40]!r}")
    yield rest.lstrip() if trim else rest


def _tokens(text: str) -> Iterator[TemplateToken]:
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            raise TemplateError(f"unexpected {text[at:].strip()[:20]!r} in a template's action")
        kind = str(found.lastgroup)
        yield TemplateToken(kind, found[kind])
        at = found.end()
