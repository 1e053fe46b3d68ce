"""The expansion of a template."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sidelight.embedded.templates.functions import TEMPLATE_FUNCTIONS, TemplateError, format_operand
from sidelight.embedded.templates.parser import (
    Assignment,
    FieldAccess,
    Operand,
    TemplateBlock,
    TemplateCall,
    TemplateLiteral,
    TemplateNode,
)

QueryFunction = Callable[[str], list[dict[str, Any]]]
"""Returns a query's samples, each with ``Labels`` and ``Value``."""
MAX_CHARACTERS = 64 * 1024
"""Characters of one expanded text."""


def expand_template(
    tree: TemplateBlock, labels: Mapping[str, str], value: float, run_query: QueryFunction
) -> str:
    """Expand a template. Raises `TemplateError`, and what ``run_query`` raises."""
    dot = {"Labels": labels, "Value": value, "ExternalLabels": {}, "ExternalURL": ""}
    names = {
        "$labels": labels,
        "$value": value,
        "$externalLabels": {},
        "$externalURL": "",
        "$": dot,
    }
    text = _Expansion(names, run_query).body(tree.body, dot)
    return text[:MAX_CHARACTERS]


class _Expansion:
    """One expansion and its variables."""

    def __init__(self, names: dict[str, Any], run_query: QueryFunction) -> None:
        self._names = names
        self._functions = {**TEMPLATE_FUNCTIONS, "query": lambda text: run_query(str(text))}

    def body(self, nodes: Iterable[TemplateNode], dot: Any) -> str:
        return "".join(self._node(node, dot) for node in nodes)

    def _node(self, node: TemplateNode, dot: Any) -> str:
        if isinstance(node, str):
            return node
        if isinstance(node, Assignment):
            self._names[node.name] = self._value(node.operand, dot)
            return ""
        if isinstance(node, TemplateBlock):
            return self._block(node, dot)
        return format_operand(self._value(node, dot))

    def _block(self, block: TemplateBlock, dot: Any) -> str:
        assert block.operand is not None  # noqa: S101 for mypy: only the root has none
        found = self._value(block.operand, dot)
        if block.variable and block.kind != "range":
            self._names[block.variable] = found
        if not found:
            return self.body(block.other, dot)
        if block.kind == "range":
            return "".join(self._iteration(block, one) for one in found)
        return self.body(block.body, found if block.kind == "with" else dot)

    def _iteration(self, block: TemplateBlock, one: Any) -> str:
        if block.variable:
            self._names[block.variable] = one
        return self.body(block.body, one)

    def _value(self, operand: Operand, dot: Any) -> Any:
        if isinstance(operand, TemplateLiteral):
            return operand.value
        if isinstance(operand, FieldAccess):
            return self._field(operand, dot)
        return self._call(operand, [self._value(one, dot) for one in operand.args])

    def _field(self, field: FieldAccess, dot: Any) -> Any:
        if field.variable and field.variable not in self._names:
            raise TemplateError(f"undefined variable {field.variable!r}")
        found = self._names[field.variable] if field.variable else dot
        for name in field.names:
            if not isinstance(found, Mapping):
                raise TemplateError(f"can't take {name!r} of {format_operand(found)!r}")
            found = found.get(name, "")
        return found

    def _call(self, call: TemplateCall, args: list[Any]) -> Any:
        try:
            return self._functions[call.name](*args)
        except (TypeError, KeyError, AttributeError) as error:
            raise TemplateError(f"error calling {call.name}: {error}") from error
