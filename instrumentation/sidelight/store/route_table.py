"""The route table as workers publish it, and a match of a raw path against it.

A reader in another process names the route of a request whose worker is stuck or dead; the
application is not there to ask. Lines are ``METHODS <tab> /path/{id:int} <tab> threshold``.
Custom convertors are read as one path segment: a reader trusts no pattern from a file.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from sidelight.contract import UNKNOWN

WEBSOCKET = "WEBSOCKET"
ANY = "*"
"""In place of methods: a mount, which takes whatever comes."""

_PARAMETER = re.compile(r"{([a-zA-Z_][a-zA-Z0-9_]*)(?::([a-zA-Z_][a-zA-Z0-9_]*))?}")
_CONVERTORS = {
    "path": ".*",
    "int": "[0-9]+",
    "float": r"[0-9]+(?:\.[0-9]+)?",
    "uuid": "[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}",
}
_ONE_SEGMENT = "[^/]+"


class Route(NamedTuple):
    """One published route. ``path`` may name convertors; ``slow`` is in seconds."""

    methods: tuple[str, ...]
    path: str
    slow: float | None = None

    @property
    def template(self) -> str:
        """The path without convertors: a label value, once ``root_path`` is in front."""
        return _template(self.path)


@lru_cache(maxsize=8192)
def _template(path: str) -> str:
    return _PARAMETER.sub(r"{\1}", path)


def encode(routes: Iterable[Route]) -> bytes:
    """The table as it stands in a file."""
    return "".join(
        f"{','.join(route.methods)}\t{route.path}\t{'' if route.slow is None else route.slow}\n"
        for route in routes
        if not {"\t", "\n"} & set(route.path)
    ).encode()


@lru_cache(maxsize=64)
def decode(text: str) -> tuple[Route, ...]:
    """The inverse of `encode`; lines that are none are left out."""
    found = []
    for line in text.splitlines():
        methods, _, rest = line.partition("\t")
        path, _, slow = rest.partition("\t")
        try:
            threshold = float(slow) if slow else None
        except ValueError:
            continue
        found.append(Route(tuple(methods.split(",")), path, threshold))
    return tuple(found)


@lru_cache(maxsize=64)
def _pattern(text: str, method: str) -> tuple[re.Pattern[str] | None, tuple[str, ...]]:
    """One alternation for all the routes that take a method, in order; group n is route n."""
    routes = [route for route in decode(text) if _takes(route, method)]
    if not routes:
        return None, ()
    whole = "|".join(f"{regex(route.path)}()" for route in routes)
    return re.compile(whole, re.DOTALL), tuple(route.template for route in routes)


def below(path: str, root: str) -> str:
    """A path without ``root_path``, if that is there and ends where a segment does."""
    rest = path.removeprefix(root)
    return rest if not rest or rest.startswith("/") else path


def _takes(route: Route, method: str) -> bool:
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
def template_of(text: str, roots: tuple[str, ...], method: str, path: bytes) -> str:
    """The label value for a raw path: a template with its ``root_path``, or ``""`` for none.

    ``_UNKNOWN`` when there is no table to look it up in.
    """
    if not text:
        return UNKNOWN
    plain = unquote_to_bytes(path).decode("utf-8", "replace")
    for wanted in (method, *([ANY] if method != WEBSOCKET else [])):  # a 405 has its route too
        pattern, templates = _pattern(text, wanted)
        if pattern is None:
            continue
        for root in sorted(roots or ("",), key=len, reverse=True):
            # A proxy may have cut the root off already; the label names it all the same.
            match = pattern.match(below(plain, root))
            if match and match.lastindex:
                return root + templates[match.lastindex - 1]
    return ""
