"""Content negotiation for the metrics (RFC 9110, section 12)."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from starlette.datastructures import Headers

from sidelight.text_format import Escaping, ExpositionFormat

TEXT = "text/plain", frozenset({"0.0.4", "1.0.0"})
"""Text 1.0.0 differs in that names may be quoted, which the parameter ``escaping`` says too."""
OPENMETRICS = "application/openmetrics-text", frozenset({"1.0.0", "0.0.1"})

PROTOBUF = "application/vnd.google.protobuf"
DELIMITED = {"proto": "io.prometheus.client.metricfamily", "encoding": "delimited"}
"""The parameters that the media type must have, in small letters."""

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
    parameters: Mapping[str, str]
    quality: float

    @property
    def version(self) -> str:
        """The version of a format; empty for any."""
        return self.parameters.get("version", "")

    @property
    def escaping(self) -> Escaping | None:
        """How names are escaped; None where this element does not say."""
        return ESCAPINGS.get(self.parameters.get("escaping", ""))


def wanted_format(headers: Headers) -> WantedFormat:
    """The format a client prefers. Text 0.0.4 where it names none, or none that is supported."""
    accepted = list(_preferences(headers, "accept"))
    offers = {
        ExpositionFormat.TEXT: _preferred(accepted, *TEXT),
        ExpositionFormat.OPENMETRICS: _preferred(accepted, *OPENMETRICS),
        ExpositionFormat.PROTOBUF: _preferred_protobuf(accepted),
    }
    form = max(offers, key=lambda form: offers[form][0])  # of equals the first
    return WantedFormat(form, offers[form][1])


def accepts_gzip(headers: Headers) -> bool:
    """Whether a client accepts gzip."""
    codings: dict[str, float] = {}
    for accepted in _preferences(headers, "accept-encoding"):
        coding = accepted.name.removeprefix("x-")  # RFC 9110, section 8.4.1.3
        codings[coding] = max(accepted.quality, codings.get(coding, 0.0))
    return codings.get("gzip", codings.get("*", 0.0)) > 0


def _preferred(
    accepted: list[Preference], media: str, versions: frozenset[str]
) -> tuple[float, Escaping | None]:
    """The quality of a media type, and its escaping: of the most specific range with it."""
    ranges = {"*/*": 0, f"{media.partition('/')[0]}/*": 1, media: 2}
    found = [
        (ranges[one.name] + bool(one.version), one.quality, one.escaping)
        for one in accepted
        if one.name in ranges and (not one.version or one.version in versions)
    ]
    return max(found, default=(0, 0.0, None), key=lambda one: one[:2])[1:]


def _preferred_protobuf(accepted: list[Preference]) -> tuple[float, Escaping | None]:
    """The quality of the protobuf format, which only a client that names it gets, and its escaping.

    Prometheus says only of text how names are to be escaped; they are the same in both.
    """
    named = [
        one
        for one in accepted
        if one.name == PROTOBUF and DELIMITED.items() <= one.parameters.items()
    ]
    escapings = [one.escaping for one in (*named, *accepted) if one.escaping]
    return max((one.quality for one in named), default=0.0), next(iter(escapings), None)


def _preferences(headers: Headers, name: str) -> Iterator[Preference]:
    """The elements of a header, which may be sent in several lines."""
    for element in _ELEMENTS.findall(",".join(headers.getlist(name)).lower()):
        first, *pieces = _PIECES.findall(element) or [""]
        parameters = dict(_parameter(piece) for piece in pieces)
        yield Preference(first.strip(), parameters, _number(parameters.get("q", "1")))


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
