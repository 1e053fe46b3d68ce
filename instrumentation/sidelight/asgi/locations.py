"""Where a validation error is: only names that a route's own schema declares.

Pydantic's ``loc`` holds whatever the client typed as well: keys of dictionaries, misspelt and
extra names. So it is followed through the core schema of the route's parameters, whose node
types are pydantic's public interface, and what isn't declared at its node_at is ``*``.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Schema = Mapping[str, Any]
Path = tuple[str | int, ...]

ANYTHING = "*"
MOST_PARTS = 8
"""Models that contain themselves make locations as deep as the client likes."""
MOST_WRAPPERS = 100
INSIDE = (
    "schema",
    "lax_schema",
    "strict_schema",
    "json_schema",
    "python_schema",
    "arguments_schema",
)
"""Keys of the schemas that a node wraps without a part of the location for itself."""


class SchemaNode(NamedTuple):
    """A node of a core schema, with what its references refer to."""

    node: Schema
    definitions: Mapping[str, Schema]


class LocationStep(NamedTuple):
    """What a part of a location is called, and where it leads."""

    name: str
    nodes: list[SchemaNode]


def label(loc: Iterable[object], nodes: list[SchemaNode]) -> str:
    """The text of a location below ``nodes``, such as ``user.email`` or ``items.*.price``."""
    parts: list[str] = []
    for part in loc:
        if len(parts) == MOST_PARTS:
            return ".".join([*parts, ANYTHING])
        name, nodes = _step(nodes, part)
        parts.append(name)
    return ".".join(parts)


def fields(declared: Iterable[tuple[Iterable[str], Schema]]) -> SchemaNode:
    """A node_at with fields, each by its names."""
    listed = [
        {"name": name, "schema": schema}
        for names, schema in declared
        for name in dict.fromkeys(names)
    ]
    return SchemaNode({"type": "dataclass-args", "fields": listed}, {})


def _step(nodes: list[SchemaNode], part: object) -> LocationStep:
    """Where a part leads from any of the nodes; declared names go before everything else."""
    # Once each: a type that contains itself in many ways leads to the same few nodes again.
    opened = {id(found.node): found for node_at in nodes for found in _open(node_at)}
    steps = [step for found in opened.values() for step in _from(found, part)]
    name = next((step.name for step in steps if step.name != ANYTHING), ANYTHING)
    return LocationStep(
        name, [found for step in steps if step.name == name for found in step.nodes]
    )


def _open(node_at: SchemaNode) -> Iterator[SchemaNode]:
    """The nodes that a part of a location can be a name of, without their wrappers."""
    waiting = [node_at]
    for _ in range(MOST_WRAPPERS):
        if not waiting:
            return
        node, definitions = waiting.pop()
        kind = node.get("type")
        if kind == "definitions":
            known = {found["ref"]: found for found in node["definitions"]}
            waiting.append(SchemaNode(node["schema"], {**definitions, **known}))
        elif kind == "definition-ref":
            waiting.extend(_nodes([definitions.get(node["schema_ref"])], definitions))
        elif kind in _FROM:
            yield SchemaNode(node, definitions)
        else:
            inner = [node.get(key) for key in INSIDE] + [*node.get("steps", ())]
            waiting.extend(_nodes(inner, definitions))


def _nodes(found: Iterable[object], definitions: Mapping[str, Schema]) -> list[SchemaNode]:
    """Those of some values that are schemas."""
    return [SchemaNode(node, definitions) for node in found if isinstance(node, Mapping)]


def _from(node_at: SchemaNode, part: object) -> Iterator[LocationStep]:
    return _FROM[node_at.node["type"]](node_at, part)


def _from_fields(node_at: SchemaNode, part: object) -> Iterator[LocationStep]:
    """Fields of a model, a dataclass, a typed dictionary or a call."""
    node, definitions = node_at
    for name, field in _fields(node):
        for path in _paths(name, field):
            if part == path[0]:
                rest = {"type": "path", "path": path[1:], "schema": field["schema"]}
                shown = str(path[0]) if isinstance(path[0], str) else ANYTHING
                yield LocationStep(
                    shown, [SchemaNode(rest if path[1:] else field["schema"], definitions)]
                )
    yield LocationStep(ANYTHING, _nodes([node.get("extras_schema")], definitions))


def _fields(node: Schema) -> Iterator[tuple[str, Schema]]:
    found = node["arguments_schema"] if node["type"] == "arguments" else node["fields"]
    if isinstance(found, Mapping):
        yield from found.items()
    else:
        yield from ((field["name"], field) for field in found)


def _paths(name: str, field: Schema) -> Iterator[Path]:
    """The ways to a field: its name, its alias, or each of several aliases, some of them paths."""
    yield (name,)
    alias = field.get("validation_alias", field.get("alias"))
    if isinstance(alias, str):
        yield (alias,)
    elif isinstance(alias, list) and alias:
        for path in alias if isinstance(alias[0], list) else [alias]:
            yield tuple(path)


def _from_path(node_at: SchemaNode, part: object) -> Iterator[LocationStep]:
    """What is left of an alias that is a path."""
    (first, *rest), schema = node_at.node["path"], node_at.node["schema"]
    if part == first:
        left = {"type": "path", "path": rest, "schema": schema} if rest else schema
        yield LocationStep(
            str(first) if isinstance(first, str) else ANYTHING, [SchemaNode(left, node_at[1])]
        )


def _from_items(node_at: SchemaNode, _: object) -> Iterator[LocationStep]:
    """Anything a client numbers or names itself."""
    node, definitions = node_at
    items = node.get("items_schema")
    inner = items if isinstance(items, list | tuple) else [items]
    both = [*inner, node.get("keys_schema"), node.get("values_schema")]
    yield LocationStep(ANYTHING, _nodes(both, definitions))


def _from_union(node_at: SchemaNode, part: object) -> Iterator[LocationStep]:
    """One of several: pydantic says which by a tag, a class name, or a name of its own making."""
    node, definitions = node_at
    choices = list(_choices(node, definitions))
    for name, choice in choices:
        if name == part:
            yield LocationStep(name, [choice])
    yield LocationStep(ANYTHING, [choice for _, choice in choices])


def _choices(node: Schema, definitions: Mapping[str, Schema]) -> Iterator[tuple[str, SchemaNode]]:
    choices = node["choices"]
    tagged = isinstance(choices, Mapping)
    pairs: Iterable[tuple[Hashable, Any]]
    pairs = choices.items() if tagged else map(_labelled, choices)
    for tag, choice in pairs:
        for node_at in _nodes([choice], definitions):
            yield (str(getattr(tag, "value", tag)) if tag else _class_name(node_at)), node_at


def _labelled(choice: Any) -> tuple[str, Any]:
    return (choice[1], choice[0]) if isinstance(choice, tuple) else ("", choice)


def _class_name(node_at: SchemaNode) -> str:
    node, definitions = node_at
    for _ in range(MOST_WRAPPERS):
        if node.get("type") != "definition-ref":
            break
        node = definitions.get(node["schema_ref"], {})
    return str(getattr(node.get("cls"), "__name__", ""))


_FROM = {
    "model-fields": _from_fields,
    "typed-dict": _from_fields,
    "dataclass-args": _from_fields,
    "arguments": _from_fields,
    "path": _from_path,
    "list": _from_items,
    "set": _from_items,
    "frozenset": _from_items,
    "tuple": _from_items,
    "generator": _from_items,
    "dict": _from_items,
    "union": _from_union,
    "tagged-union": _from_union,
}
