"""The route table that workers publish, and the route of a raw path.

A reader in another process finds the route of a request whose worker is blocked or has died, so
it cannot ask the application. Lines are ``METHODS <tab> /path/{id:int} <tab> threshold``. Custom
convertors are read as one path segment, since a pattern from a file is not trusted. All ways in
which a route may match are followed at once: one after the other could take exponential time.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from sidelight.contract import UNKNOWN
from sidelight.store.route_index import RouteIndex

WEBSOCKET = "WEBSOCKET"
ANY = "*"
"""In place of methods: a mount, which takes every method."""

_PARAMETER = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?}")
_CONVERTORS = {
    "path": ".*",
    "int": "[0-9]+",
    "float": r"[0-9]+(?:\.[0-9]+)?",
    "uuid": "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
}
_ONE_SEGMENT = "[^/]+"
_UUID = re.compile(_CONVERTORS["uuid"])
_DIGITS = re.compile(_CONVERTORS["int"])
MAX_ROUTES = 10_000
MAX_SECONDS = 1e9
MAX_STEPS = 20_000
"""The most parts of routes that are tried for one path; usually a few are enough."""


class PublishedRoute(NamedTuple):
    """One published route. ``path`` may name convertors; ``slow`` is in seconds."""

    methods: tuple[str, ...]
    path: str
    slow: float | None = None

    @property
    def template(self) -> str:
        """The path without convertors: a label value, once it is prefixed by ``root_path``."""
        return _template(self.path)


@lru_cache(maxsize=8192)
def _template(path: str) -> str:
    return _PARAMETER.sub(r"{\1}", path)


def encode(routes: Iterable[PublishedRoute]) -> bytes:
    """The table as it is stored in a file."""
    return "".join(
        f"{','.join(route.methods)}\t{route.path}\t{'' if route.slow is None else route.slow}\n"
        for route in routes
        if not {"\t", "\n"} & set(route.path)
    ).encode()


@lru_cache(maxsize=16)
def decode(text: str) -> tuple[PublishedRoute, ...]:
    """The inverse of `encode`; invalid lines are left out."""
    found = []
    for line in text.split("\n")[:MAX_ROUTES]:
        if not line:
            continue
        methods, _, rest = line.partition("\t")
        path, _, slow = rest.partition("\t")
        try:
            threshold = float(slow) if slow else None
        except ValueError:
            continue
        if threshold is not None and not 0 <= threshold <= MAX_SECONDS:
            continue
        found.append(PublishedRoute(tuple(methods.split(",")), path, threshold))
    return tuple(found)


class RouteParts(NamedTuple):
    """A route in parts: the text that every path begins with, and what follows."""

    start: str
    rest: tuple[tuple[str, str], ...]
    template: str


@lru_cache(maxsize=64)
def _routes_of_method(text: str, method: str) -> RouteIndex[RouteParts]:
    """The routes of a table for a method."""
    index = RouteIndex[RouteParts]()
    for route in decode(text):
        if _takes(route, method):
            index.add(route.path, _parts(route))
    return index


def _parts(route: PublishedRoute) -> RouteParts:
    """``("", text)`` for each fixed part, ``(convertor, "")`` for each parameter."""
    texts = _PARAMETER.split(route.path)
    rest: list[tuple[str, str]] = []
    for name, text in zip(texts[2::3], texts[3::3], strict=True):
        rest.append((name or "str", ""))
        if text:
            rest.append(("", text))
    return RouteParts(texts[0], tuple(rest), route.template)


def _matches(path: str, parts: RouteParts) -> tuple[bool, int]:
    """Whether a whole path matches a route, and how many positions were tried."""
    if not path.startswith(parts.start):
        return False, 1
    positions, steps = {len(parts.start)}, 1
    for convertor, text in parts.rest:
        positions = set().union(
            *(
                _ends(path, at, convertor, text)
                for at in _start_positions(path, positions, convertor)
            )
        )
        steps += 1 + len(positions)
        if not positions:
            break
    return len(path) in positions, steps


def _start_positions(path: str, positions: set[int], convertor: str) -> Iterable[int]:
    """The positions to continue from, without those that match no more than another one does."""
    if convertor == "path":
        return [min(positions)]
    if convertor in {"", "int", "float", "uuid"}:
        return positions
    firsts: dict[int, int] = {}
    for at in sorted(positions):
        firsts.setdefault(path.rfind("/", 0, at), at)
    return firsts.values()


def _ends(path: str, at: int, convertor: str, text: str) -> Iterable[int]:
    """Every position at which a part may end that begins at ``at``."""
    if not convertor:
        return [at + len(text)] if path.startswith(text, at) else []
    if convertor == "path":
        return range(at, len(path) + 1)
    if convertor == "uuid":
        found = _UUID.match(path, at)
        return [found.end()] if found else []
    if convertor in {"int", "float"}:
        return _numeric(path, at, fraction=convertor == "float")
    end = path.find("/", at)
    return range(at + 1, (len(path) if end < 0 else end) + 1)


def _numeric(path: str, at: int, *, fraction: bool) -> list[int]:
    found = _DIGITS.match(path, at)
    if not found:
        return []
    ends = list(range(at + 1, found.end() + 1))
    if fraction and path.startswith(".", found.end()):
        ends += _numeric(path, found.end() + 1, fraction=False)
    return ends


def strip_root(path: str, root: str) -> str:
    """A path without its prefix ``root``, if it has it and the prefix ends at a segment's end."""
    rest = path.removeprefix(root)
    return rest if not rest or rest.startswith("/") else path


def _takes(route: PublishedRoute, method: str) -> bool:
    if method == ANY:
        return WEBSOCKET not in route.methods
    return method in route.methods or ANY in route.methods


def regex(path: str, convertors: Mapping[str, str] = _CONVERTORS) -> str:
    """A pattern for a whole path. ``convertors`` gives patterns by convertor name."""
    parts, at = [], 0
    for match in _PARAMETER.finditer(path):
        parts.append(re.escape(path[at : match.start()]))
        parts.append(convertors.get(match.group(2) or "", _ONE_SEGMENT))
        at = match.end()
    return "".join(parts) + re.escape(path[at:]) + r"\Z"


@lru_cache(maxsize=4096)
def template_for(text: str, roots: tuple[str, ...], method: str, path: bytes) -> str:
    """The label value of a raw path: a template with its ``root_path``, or ``""`` for none.

    ``_UNKNOWN`` without a table.
    """
    if not text:
        return UNKNOWN
    plain = unquote_to_bytes(path).decode("utf-8", "replace")
    steps = 0
    for wanted in (method, *([ANY] if method != WEBSOCKET else [])):  # a 405 has its route too
        for root in sorted(roots or ("",), key=len, reverse=True):
            # A proxy may have removed the root already; the label has it in either case.
            rest = strip_root(plain, root)
            for parts in _routes_of_method(text, wanted).may_match(rest):
                found, more = _matches(rest, parts)
                if found:
                    return root + parts.template
                steps += more
                if steps > MAX_STEPS:
                    return UNKNOWN
    return ""
