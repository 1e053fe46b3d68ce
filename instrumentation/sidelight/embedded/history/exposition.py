"""One line of an OpenMetrics page, taken apart.

https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

import re
from typing import NamedTuple

_LABELS = rb'\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}'
_SAMPLE = re.compile(
    rb"([a-zA-Z_:][a-zA-Z0-9_:]*(?:" + _LABELS + rb")?) (\S+)(?: [0-9.eE+-]+)?"
    rb"(?: # ((" + _LABELS + rb") (\S+)(?: (\S+))?))?"
)
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


class Exemplar(NamedTuple):
    """What one observation left behind; ``seconds`` since the epoch, or None."""

    labels: dict[str, str]
    value: float
    seconds: float | None


class Sample(NamedTuple):
    """``key`` is what stands before the value; ``traced`` the text of its exemplar, if any."""

    key: bytes
    value: float
    traced: bytes


def sample(line: bytes) -> Sample | None:
    """A sample's line; None where it is no such line."""
    found = _SAMPLE.fullmatch(line)
    if found is None:
        return None
    try:
        return Sample(found[1], float(found[2]), found[3] or b"")
    except ValueError:
        return None


def exemplar(traced: bytes) -> Exemplar | None:
    """An exemplar's text, without the sign before it."""
    labels, _, rest = traced.rpartition(b"}")
    try:
        value, *when = map(float, rest.split())
    except ValueError:
        return None
    return Exemplar(pairs(labels.decode("utf-8", "replace")), value, when[0] if when else None)


def labels_of(key: bytes, target: dict[str, str]) -> dict[str, str]:
    """A series' labels as a scrape gives them: with its target's, and without empty ones.

    A label of the target's name that the page has already is ``exported_`` by its name (once more
    where that is taken, too), as
    https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config
    says of ``honor_labels: false``.
    """
    name, _, rest = key.decode("utf-8", "replace").partition("{")
    own = {label: value for label, value in pairs(rest).items() if value}
    for label in sorted(target.keys() & own.keys(), key=len):
        value, exported = own.pop(label), f"exported_{label}"
        while exported in own or exported in target:
            exported = f"exported_{exported}"
        own[exported] = value
    return {"__name__": name, **own, **target}


def pairs(text: str) -> dict[str, str]:
    """Labels between braces."""
    return {name: _ESCAPED.sub(_plain, value) for name, value in _PAIR.findall(text)}


def _plain(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
