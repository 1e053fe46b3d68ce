"""A template as a tree."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sidelight.embedded.promql.quoting import unquote
from sidelight.embedded.templates.functions import FUNCTIONS
from sidelight.embedded.templates.reading import TemplateError, Word, pieces


@dataclass(frozen=True, slots=True)
class Constant:
    """A text or a number."""

    value: str | float


@dataclass(frozen=True, slots=True)
class Field:
    """``$variable.name.name``; an empty variable is the dot."""

    variable: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function of its arguments."""

    name: str
    args: tuple["Term", ...]


Term = Constant | Field | Call


@dataclass(slots=True)
class Block:
    """``if``, ``with``, ``range`` or, around all, nothing; ``body`` and what is for ``else``.

    A ``range`` may name its element.
    """

    kind: str
    term: Term | None = None
    variable: str = ""
    body: list["Node"] = field(default_factory=list)
    other: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Assign:
    """``$name := term``."""

    name: str
    term: Term


Node = str | Term | Block | Assign


def parse(text: str) -> Block:
    """The tree of a template. Raises `TemplateError`, which names what is not known here."""
    root = Block("")
    _fill(root, iter(list(pieces(text))))
    return root


def _fill(block: Block, found: Iterator[str | list[Word]]) -> str:
    """Read up to the block's end; says what ended it."""
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
            if len(piece) > 1:  # else if: a block of its own, which has the same end
                inner = _open(piece[1:])
                into.append(inner)
                return _fill(inner, found)
        elif first in {"if", "with", "range"}:
            inner = _open(piece)
            into.append(inner)
            _fill(inner, found)
        else:
            into.append(_plain(piece))
    if block.kind:
        raise TemplateError(f"{{{{ {block.kind} }}}} has no {{{{ end }}}}")
    return ""


def _open(words: list[Word]) -> Block:
    kind, *rest = words
    name, rest = _assigned(rest)
    return Block(kind.text, _pipeline(rest), name)


def _plain(words: list[Word]) -> Node:
    name, rest = _assigned(words)
    term = _pipeline(rest)
    return Assign(name, term) if name else term


def _assigned(words: list[Word]) -> tuple[str, list[Word]]:
    if len(words) > 1 and words[1].text in {":=", "="} and words[0].text.startswith("$"):
        return words[0].text, words[2:]
    return "", words


def _pipeline(words: Iterable[Word]) -> Term:
    """Commands between bars; each takes what the one before gives as its last argument."""
    term: Term | None = None
    for command in _split(list(words)):
        terms = list(_terms(command))
        if not terms:
            raise TemplateError("an action or a part of a pipeline is empty")
        if term is not None:
            terms.append(term)
        head, *args = terms
        if isinstance(head, Call) and not head.args:
            term = Call(head.name, tuple(args))
        elif args:
            raise TemplateError("what stands first in a pipeline's part must be a function")
        else:
            term = head
    if term is None:
        raise TemplateError("an action is empty")
    return term


def _split(words: list[Word]) -> Iterator[list[Word]]:
    part: list[Word] = []
    depth = 0
    for word in words:
        depth += {"(": 1, ")": -1}.get(word.text, 0) if word.kind == "sign" else 0
        if word == ("sign", "|") and not depth:
            yield part
            part = []
        else:
            part.append(word)
    yield part


def _terms(words: list[Word]) -> Iterator[Term]:
    at = 0
    while at < len(words):
        kind, text = words[at]
        if kind == "sign" and text == "(":
            end = _closing(words, at)
            yield _pipeline(words[at + 1 : end])
            at = end
        else:
            yield _term(kind, text)
        at += 1


def _closing(words: list[Word], at: int) -> int:
    depth = 0
    for place in range(at, len(words)):
        depth += {"(": 1, ")": -1}.get(words[place].text, 0) if words[place].kind == "sign" else 0
        if not depth:
            return place
    raise TemplateError("unclosed left parenthesis")


def _term(kind: str, text: str) -> Term:
    if kind == "text":
        return Constant(unquote(text))
    if kind == "number":
        return Constant(float(text))
    if kind == "field":
        head, *names = text.split(".")
        return Field(head, tuple(name for name in names if name))
    if kind == "name" and text in {"true", "false"}:
        return Constant(text == "true")
    if kind == "name" and text in FUNCTIONS:
        return Call(text, ())
    raise TemplateError(f"{text!r} is not known here; known are {', '.join(sorted(FUNCTIONS))}")
