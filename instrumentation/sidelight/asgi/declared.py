"""What a route of FastAPI's declares: the one file that knows where it keeps its parameters."""

from collections.abc import Iterable, Iterator
from typing import Any

from sidelight.asgi.locations import ANYTHING, Schema, SchemaNode, fields, label

PARAMETERS = {
    "path": "path_params",
    "query": "query_params",
    "header": "header_params",
    "cookie": "cookie_params",
}
BODY = "body"


def location(route: Any, loc: Iterable[object]) -> str:
    """The label ``location`` of an error at ``loc``, such as ``body.user.email``."""
    where, *rest = loc
    if not isinstance(where, str) or (where != BODY and where not in PARAMETERS):
        return ANYTHING
    try:
        nodes = list(_body(route)) if where == BODY else list(_parameters(route, where))
        below = label(rest, nodes)
    except Exception:  # noqa: BLE001 another FastAPI, or another pydantic: nothing is declared
        below = ".".join([ANYTHING] * bool(rest))
    return f"{where}.{below}" if below else where


def _body(route: Any) -> Iterator[SchemaNode]:
    """The body as one field, as FastAPI joins it; a form's models are read one by one."""
    if route.body_field is not None:
        yield SchemaNode(_schema(route.body_field), {})
        for field in _flat(route.dependant, "body_params"):
            if type(field.field_info).__name__ == "Form":
                yield SchemaNode(_schema(field), {})


def _parameters(route: Any, where: str) -> Iterator[SchemaNode]:
    """Each by its names, and the fields of those that are models."""
    found = list(_flat(route.dependant, PARAMETERS[where]))
    yield fields((_names(field), _schema(field)) for field in found)
    for field in found:
        yield SchemaNode(_schema(field), {})
        if where == "header":
            yield fields(_dashed(field))


def _flat(dependant: Any, kind: str) -> Iterator[Any]:
    """The fields of a route and of all it depends on."""
    yield from getattr(dependant, kind)
    for inner in dependant.dependencies:
        yield from _flat(inner, kind)


def _schema(field: Any) -> Schema:
    schema: Schema = field._type_adapter.core_schema  # noqa: SLF001 there is no other way to it
    return schema


def _names(field: Any) -> Iterator[str]:
    yield field.alias
    yield field.name
    alias = field.field_info.validation_alias
    yield from (name for name in getattr(alias, "choices", [alias]) if isinstance(name, str))


def _dashed(field: Any) -> Iterator[tuple[list[str], Schema]]:
    """Fields of a model of headers, as a client writes them."""
    model = field.field_info.annotation
    for name, inner in getattr(model, "model_fields", {}).items():
        yield [(inner.alias or name).replace("_", "-")], {"type": "any"}
