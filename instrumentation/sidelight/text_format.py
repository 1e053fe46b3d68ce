"""Parts of the Prometheus text format 0.0.4 and of OpenMetrics 1.0: headers, labels, numbers.

https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

import math
import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
"""Names of metrics and labels that need no escaping."""
_SUFFIXES = {"counter": "_total", "info": "_info"}


class ExpositionFormat(Enum):
    """An exposition format, with its media type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
    PROTOBUF = (
        "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
        "encoding=delimited"
    )


class Escaping(Enum):
    """How names with characters past `NAME` are written, in the words of an ``Accept`` header.

    https://prometheus.io/docs/instrumenting/escaping_schemes/
    """

    UNDERSCORES = "underscores"
    ALLOW_UTF_8 = "allow-utf-8"
    DOTS = "dots"
    VALUES = "values"


@lru_cache(maxsize=4096)
def escaped_name(
    name: str, escaping: Escaping = Escaping.UNDERSCORES, *, label: bool = False
) -> str:
    """The name of a metric or a label, without the quotes that `Escaping.ALLOW_UTF_8` needs."""
    regular = LABEL if label else NAME
    valid = regular.fullmatch(name)
    if escaping is Escaping.ALLOW_UTF_8 or (valid and escaping is not Escaping.DOTS):
        return name
    written = [
        _escaped_character(char, escaping, valid=bool(regular.fullmatch("_" * (at > 0) + char)))
        for at, char in enumerate(name)
    ]
    return ("U__" if escaping is Escaping.VALUES else "") + "".join(written)


def _escaped_character(char: str, escaping: Escaping, *, valid: bool) -> str:
    if escaping is Escaping.UNDERSCORES:
        return char if valid else "_"
    if char == "_":
        return "__"
    if valid:
        return char
    if escaping is Escaping.VALUES:
        return f"_{ord(char):x}_"
    return "_dot_" if char == "." else "__"


def quoted_name(name: str, *, label: bool = False) -> str:
    """An escaped name as it stands in a comment or among labels: in quotes if it needs them."""
    return name if (LABEL if label else NAME).fullmatch(name) else f'"{escaped(name)}"'


def sample_name(
    name: str, pairs: Iterable[tuple[str, str]], escaping: Escaping = Escaping.UNDERSCORES
) -> str:
    """A sample's escaped name, and its labels. A name in quotes stands within the braces."""
    shown, labels = quoted_name(name), label_set(pairs, escaping)
    if not shown.startswith('"'):
        return shown + labels
    return f"{{{shown},{labels[1:]}" if labels else f"{{{shown}}}"


def header(name: str, kind: str, text: str, unit: str, form: ExpositionFormat) -> bytes:
    """The comment lines before the samples of a family.

    ``name`` is escaped, and ``text`` is the help.
    """
    text = encodable(text)
    if form is ExpositionFormat.OPENMETRICS:
        name = family_name(name, kind)
        shown = quoted_name(name)
        unit_line = f"# UNIT {shown} {unit}\n" if unit and name.endswith("_" + unit) else ""
        return f"# HELP {shown} {escaped(text)}\n# TYPE {shown} {kind}\n{unit_line}".encode()
    name = quoted_name(name)
    shown = {"info": "gauge", "stateset": "gauge", "unknown": "untyped"}.get(kind, kind)
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {shown}\n".encode()


def family_name(name: str, kind: str) -> str:
    """OpenMetrics names a family without the suffix of its samples."""
    return name.removesuffix(_SUFFIXES.get(kind, ""))


def suffixed_name(name: str, kind: str, escaping: Escaping = Escaping.UNDERSCORES) -> str:
    """The inverse of `family_name`, escaped, but for the suffix: parsers know it."""
    return escaped_name(name, escaping) + _SUFFIXES.get(kind, "")


def label_set(pairs: Iterable[tuple[str, str]], escaping: Escaping = Escaping.UNDERSCORES) -> str:
    """Labels in braces; the empty string for none."""
    text = ",".join(
        f'{label_name(name, escaping)}="{escaped(encodable(value))}"' for name, value in pairs
    )
    return f"{{{text}}}" if text else ""


@lru_cache(maxsize=4096)
def label_name(name: str, escaping: Escaping) -> str:
    """The name of a label as it stands in braces."""
    return quoted_name(escaped_name(name, escaping, label=True), label=True)


def escaped(text: str) -> str:
    """Text as it stands between double quotes: a label's value, or a string in PromQL."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def literal(text: str) -> str:
    """An RE2 regular expression that matches this text and nothing else."""
    return re.sub(r"([\\.+*?()|\[\]{}^$])", r"\\\1", text)


def encodable(text: str) -> str:
    """Text without what UTF-8 or a parser cannot carry: lone surrogates and NUL."""
    if text.isascii() and "\0" not in text:
        return text
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return text.encode("utf-8", "backslashreplace").decode()


def number(value: float) -> str:
    """A sample's value as both formats write it."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)
