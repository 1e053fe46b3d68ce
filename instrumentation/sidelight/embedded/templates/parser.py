"""The text of a template is split into tokens and parsed to a tree."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from sidelight.embedded.promql.quoting import unquote
from sidelight.embedded.templates.functions import TEMPLATE_FUNCTIONS, TemplateError

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


@dataclass(frozen=True, slots=True)
class TemplateLiteral:
    """A string or a number."""

    value: str | float


@dataclass(frozen=True, slots=True)
class FieldAccess:
    """``$variable.name.name``; the dot has an empty variable."""

    variable: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TemplateCall:
    """A call of a function."""

    name: str
    args: tuple["Operand", ...]


Operand = TemplateLiteral | FieldAccess | TemplateCall


@dataclass(slots=True)
class TemplateBlock:
    """``if``, ``with``, ``range``, or the root of the tree, whose kind is empty.

    ``other`` is the body of ``else``; a ``range`` may have a variable for its element.
    """

    kind: str
    operand: Operand | None = None
    variable: str = ""
    body: list["TemplateNode"] = field(default_factory=list)
    other: list["TemplateNode"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Assignment:
    """``$name := operand``."""

    name: str
    operand: Operand


TemplateNode = str | Operand | TemplateBlock | Assignment


def parse_template(text: str) -> TemplateBlock:
    """Parse a template. Raises `TemplateError`, which names what is not supported."""
    root = TemplateBlock("")
    _parse_body(root, iter(list(text_and_actions(text))))
    return root


def _parse_body(block: TemplateBlock, found: Iterator[str | list[TemplateToken]]) -> str:
    """Parse up to the end of the block."""
    into = block.body
    for piece in found:
        if isinstance(piece, str):
            into.append(piece)
            continue
        first = piece[0].text if piece else ""
        if first == "end":
            if not block.kind:
                raise TemplateError("unexpected {{ end }}")
            return first
        if first == "else":
            into = block.other
            if len(piece) > 1:  # "else if" is a nested block with the same end
                inner = _start_block(piece[1:])
                into.append(inner)
                return _parse_body(inner, found)
        elif first in {"if", "with", "range"}:
            inner = _start_block(piece)
            into.append(inner)
            _parse_body(inner, found)
        else:
            into.append(_action(piece))
    if block.kind:
        raise TemplateError(f"{{{{ {block.kind} }}}} has no {{{{ end }}}}")
    return ""


def _start_block(tokens: list[TemplateToken]) -> TemplateBlock:
    kind, *rest = tokens
    name, rest = _split_assignment(rest)
    return TemplateBlock(kind.text, _pipeline(rest), name)


def _action(tokens: list[TemplateToken]) -> TemplateNode:
    name, rest = _split_assignment(tokens)
    operand = _pipeline(rest)
    return Assignment(name, operand) if name else operand


def _split_assignment(tokens: list[TemplateToken]) -> tuple[str, list[TemplateToken]]:
    if len(tokens) > 1 and tokens[1].text in {":=", "="} and tokens[0].text.startswith("$"):
        return tokens[0].text, tokens[2:]
    return "", tokens


def _pipeline(tokens: Iterable[TemplateToken]) -> Operand:
    """Parse commands between bars; each gets the result of the one before as its last argument."""
    operand: Operand | None = None
    for command in _split(list(tokens)):
        operands = list(_operands(command))
        if not operands:
            raise TemplateError("an action or a part of a pipeline is empty")
        if operand is not None:
            operands.append(operand)
        head, *args = operands
        if isinstance(head, TemplateCall) and not head.args:
            operand = TemplateCall(head.name, tuple(args))
        elif args:
            raise TemplateError("a command with arguments must begin with a function")
        else:
            operand = head
    if operand is None:
        raise TemplateError("an action is empty")
    return operand


def _split(tokens: list[TemplateToken]) -> Iterator[list[TemplateToken]]:
    part: list[TemplateToken] = []
    depth = 0
    for token in tokens:
        depth += _nesting(token)
        if token == ("sign", "|") and not depth:
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _nesting(token: TemplateToken) -> int:
    return {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "sign" else 0


def _operands(tokens: list[TemplateToken]) -> Iterator[Operand]:
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        if kind == "sign" and text == "(":
            end = _closing(tokens, at)
            yield _pipeline(tokens[at + 1 : end])
            at = end
        else:
            yield _operand(kind, text)
        at += 1


def _closing(tokens: list[TemplateToken], at: int) -> int:
    depth = 0
    for position in range(at, len(tokens)):
        depth += _nesting(tokens[position])
        if not depth:
            return position
    raise TemplateError("unclosed left parenthesis")


def _operand(kind: str, text: str) -> Operand:
    if kind == "text":
        return TemplateLiteral(unquote(text))
    if kind == "number":
        return TemplateLiteral(float(text))
    if kind == "field":
        head, *names = text.split(".")
        return FieldAccess(head, tuple(name for name in names if name))
    if kind == "name" and text in {"true", "false"}:
        return TemplateLiteral(text == "true")
    if kind == "name" and text in TEMPLATE_FUNCTIONS:
        return TemplateCall(text, ())
    known = ", ".join(sorted(TEMPLATE_FUNCTIONS))
    raise TemplateError(f"{text!r} is not supported; functions are {known}")
