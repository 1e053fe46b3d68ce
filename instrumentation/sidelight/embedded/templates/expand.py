"""A template filled in."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sidelight.embedded.templates.functions import FUNCTIONS, shown
from sidelight.embedded.templates.reading import TemplateError
from sidelight.embedded.templates.tree import Assign, Block, Call, Constant, Field, Node, Term

Ask = Callable[[str], list[dict[str, Any]]]
"""A query's samples, each with ``Labels`` and ``Value``."""
MOST = 64 * 1024
"""Characters of one expanded text."""


def expand(tree: Block, labels: Mapping[str, str], value: float, ask: Ask) -> str:
    """The text of a template. Raises `TemplateError`, and what ``ask`` raises."""
    dot = {"Labels": labels, "Value": value, "ExternalLabels": {}, "ExternalURL": ""}
    names = {
        "$labels": labels,
        "$value": value,
        "$externalLabels": {},
        "$externalURL": "",
        "$": dot,
    }
    text = _Filling(names, ask).body(tree.body, dot)
    return text[:MOST]


class _Filling:
    """One expansion: its variables."""

    def __init__(self, names: dict[str, Any], ask: Ask) -> None:
        self._names = names
        self._functions = {**FUNCTIONS, "query": lambda text: ask(str(text))}

    def body(self, nodes: Iterable[Node], dot: Any) -> str:
        return "".join(self._node(node, dot) for node in nodes)

    def _node(self, node: Node, dot: Any) -> str:
        if isinstance(node, str):
            return node
        if isinstance(node, Assign):
            self._names[node.name] = self._value(node.term, dot)
            return ""
        if isinstance(node, Block):
            return self._block(node, dot)
        return shown(self._value(node, dot))

    def _block(self, block: Block, dot: Any) -> str:
        assert block.term is not None  # noqa: S101 for mypy: only the whole has none
        found = self._value(block.term, dot)
        if block.variable and block.kind != "range":
            self._names[block.variable] = found
        if not found:
            return self.body(block.other, dot)
        if block.kind == "range":
            return "".join(self._round(block, one) for one in found)
        return self.body(block.body, found if block.kind == "with" else dot)

    def _round(self, block: Block, one: Any) -> str:
        if block.variable:
            self._names[block.variable] = one
        return self.body(block.body, one)

    def _value(self, term: Term, dot: Any) -> Any:
        if isinstance(term, Constant):
            return term.value
        if isinstance(term, Field):
            return self._field(term, dot)
        return self._call(term, [self._value(one, dot) for one in term.args])

    def _field(self, field: Field, dot: Any) -> Any:
        if field.variable and field.variable not in self._names:
            raise TemplateError(f"undefined variable {field.variable!r}")
        found = self._names[field.variable] if field.variable else dot
        for name in field.names:
            if not isinstance(found, Mapping):
                raise TemplateError(f"can't take {name!r} of {shown(found)!r}")
            found = found.get(name, "")
        return found

    def _call(self, call: Call, args: list[Any]) -> Any:
        try:
            return self._functions[call.name](*args)
        except (TypeError, KeyError, AttributeError) as error:
            raise TemplateError(f"error calling {call.name}: {error}") from error
