"""Content negotiation for the metrics (RFC 9110, section 12)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from starlette.datastructures import Headers

from sidelight.text_format import ExpositionFormat

TEXT = "text/plain", frozenset({"0.0.4"})
OPENMETRICS = "application/openmetrics-text", frozenset({"1.0.0", "0.0.1"})

# A quoted string without an end goes to the end of the header.
_QUOTED = r'"(?:[^"\\]|\\.?)*"?'
_ELEMENTS = re.compile(rf'(?:[^,"]|{_QUOTED})+')
_PIECES = re.compile(rf'(?:[^;"]|{_QUOTED})+')
_ESCAPED = re.compile(r"\\(.)")


class Preference(NamedTuple):
    """One element of a list of preferences: a media range or a content coding."""

    name: str
    version: str
    quality: float


def wanted_format(headers: Headers) -> ExpositionFormat:
    """The format a client prefers. Text 0.0.4 where it names none, or none that is supported."""
    accepted = list(_preferences(headers, "accept"))
    openmetrics, text = (_quality_of(accepted, *form) for form in (OPENMETRICS, TEXT))
    return ExpositionFormat.OPENMETRICS if openmetrics > text else ExpositionFormat.TEXT


def accepts_gzip(headers: Headers) -> bool:
    """Whether a client accepts gzip."""
    codings: dict[str, float] = {}
    for name, _, quality in _preferences(headers, "accept-encoding"):
        coding = name.removeprefix("x-")  # RFC 9110, section 8.4.1.3
        codings[coding] = max(quality, codings.get(coding, 0.0))
    return codings.get("gzip", codings.get("*", 0.0)) > 0


def _quality_of(accepted: list[Preference], media: str, versions: frozenset[str]) -> float:
    """The quality of a media type: that of the most specific range that includes it."""
    ranges = {"*/*": 0, f"{media.partition('/')[0]}/*": 1, media: 2}
    found = [
        (ranges[name] + bool(version), quality)
        for name, version, quality in accepted
        if name in ranges and (not version or version in versions)
    ]
    return max(found, default=(0, 0.0))[1]


def _preferences(headers: Headers, name: str) -> Iterator[Preference]:
    """The elements of a header, which may be sent in several lines."""
    for element in _ELEMENTS.findall(",".join(headers.getlist(name)).lower()):
        first, *pieces = _PIECES.findall(element) or [""]
        parameters = dict(_parameter(piece) for piece in pieces)
        quality = _number(parameters.get("q", "1"))
        yield Preference(first.strip(), parameters.get("version", ""), quality)


def _parameter(piece: str) -> tuple[str, str]:
    """The name of a parameter and its value, which may be a quoted string."""
    name, _, value = (part.strip() for part in piece.partition("="))
    if value.startswith('"'):
        value = _ESCAPED.sub(r"\1", value[1:].removesuffix('"'))
    return name, value


def _number(quality: str) -> float:
    """A quality from 0 to 1; 0 for a text that is none."""
    try:
        number = float(quality)
    except ValueError:
        return 0.0
    return number if 0 <= number <= 1 else 0.0
