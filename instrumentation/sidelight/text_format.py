"""Parts of the Prometheus text format 0.0.4 and of OpenMetrics 1.0: headers, labels, numbers.

https://prometheus.io/docs/instrumenting/exposition_formats/ and
https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

import math
from collections.abc import Iterable
from enum import Enum


class ExpositionFormat(Enum):
    """An exposition format, with its media type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def header(name: str, kind: str, text: str, unit: str, form: ExpositionFormat) -> bytes:
    """The comment lines before the samples of a family; ``text`` is its help."""
    text = encodable(text)
    if form is ExpositionFormat.OPENMETRICS:
        name = family_name(name, kind)
        unit_line = f"# UNIT {name} {unit}\n" if unit and name.endswith("_" + unit) else ""
        return f"# HELP {name} {escaped(text)}\n# TYPE {name} {kind}\n{unit_line}".encode()
    shown = {"info": "gauge", "stateset": "gauge", "unknown": "untyped"}.get(kind, kind)
    text = text.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {shown}\n".encode()


def family_name(name: str, kind: str) -> str:
    """OpenMetrics names a family without the suffix of its samples."""
    return name.removesuffix({"counter": "_total", "info": "_info"}.get(kind, ""))


def label_set(pairs: Iterable[tuple[str, str]]) -> str:
    """Labels in braces; the empty string for none."""
    text = ",".join(f'{name}="{escaped(encodable(value))}"' for name, value in pairs)
    return f"{{{text}}}" if text else ""


def escaped(text: str) -> str:
    """Text as it stands between double quotes: a label's value, or a string in PromQL."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


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
