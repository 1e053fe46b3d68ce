"""Content negotiation for the metrics (RFC 9110, section 12)."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from starlette.datastructures import Headers

from sidelight.text_format import Escaping, ExpositionFormat

TEXT = "text/plain", frozenset({"0.0.4", "1.0.0"})
"""Text 1.0.0 differs in that names may be quoted, which the parameter ``escaping`` says too."""
OPENMETRICS = "application/openmetrics-text", frozenset({"1.0.0", "0.0.1"})

ESCAPINGS = {escaping.value: escaping for escaping in Escaping}

# A quoted string without an end goes to the end of the header.
_QUOTED = r'"(?:[^"\\]|\\.?)*"?'
_ELEMENTS = re.compile(rf'(?:[^,"]|{_QUOTED})+')
_PIECES = re.compile(rf'(?:[^;"]|{_QUOTED})+')
_ESCAPED = re.compile(r"\\(.)")


class WantedFormat(NamedTuple):
    """A format, and how names are escaped in it: None where the client does not say."""

    form: ExpositionFormat
    escaping: Escaping | None

    @property
    def content_type(self) -> str:
        """The format in the words of the response."""
        return self.form.value + (f"; escaping={self.escaping.value}" if self.escaping else "")


class Preference(NamedTuple):
    """One element of a list of preferences: a media range or a content coding."""

    name: str
    version: str
    escaping: Escaping | None
    quality: float


def wanted_format(headers: Headers) -> WantedFormat:
    """The format a client prefers. Text 0.0.4 where it names none, or none that is supported."""
    accepted = list(_preferences(headers, "accept"))
    openmetrics, text = (_preferred(accepted, *form) for form in (OPENMETRICS, TEXT))
    if openmetrics[0] > text[0]:
        return WantedFormat(ExpositionFormat.OPENMETRICS, openmetrics[1])
    return WantedFormat(ExpositionFormat.TEXT, text[1])


def accepts_gzip(headers: Headers) -> bool:
    """Whether a client accepts gzip."""
    codings: dict[str, float] = {}
    for name, _, _, quality in _preferences(headers, "accept-encoding"):
        coding = name.removeprefix("x-")  # RFC 9110, section 8.4.1.3
        codings[coding] = max(quality, codings.get(coding, 0.0))
    return codings.get("gzip", codings.get("*", 0.0)) > 0


def _preferred(
    accepted: list[Preference], media: str, versions: frozenset[str]
) -> tuple[float, Escaping | None]:
    """The quality of a media type, and its escaping: of the most specific range with it."""
    ranges = {"*/*": 0, f"{media.partition('/')[0]}/*": 1, media: 2}
    found = [
        (ranges[name] + bool(version), quality, escaping)
        for name, version, escaping, quality in accepted
        if name in ranges and (not version or version in versions)
    ]
    return max(found, default=(0, 0.0, None), key=lambda one: one[:2])[1:]


def _preferences(headers: Headers, name: str) -> Iterator[Preference]:
    """The elements of a header, which may be sent in several lines."""
    for element in _ELEMENTS.findall(",".join(headers.getlist(name)).lower()):
        first, *pieces = _PIECES.findall(element) or [""]
        parameters = dict(_parameter(piece) for piece in pieces)
        quality = _number(parameters.get("q", "1"))
        escaping = ESCAPINGS.get(parameters.get("escaping", ""))
        yield Preference(first.strip(), parameters.get("version", ""), escaping, quality)


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
