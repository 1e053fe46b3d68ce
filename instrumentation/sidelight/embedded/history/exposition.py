"""Lines of an OpenMetrics page: samples, metadata and exemplars, of which the newest are kept.

https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
"""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from sys import getsizeof
from threading import Lock
from typing import NamedTuple

_LABELS = rb'\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}'
_SAMPLE = re.compile(
    rb"([a-zA-Z_:][a-zA-Z0-9_:]*(?:" + _LABELS + rb")?) (\S+)(?: [0-9.eE+-]+)?"
    rb"(?: # ((" + _LABELS + rb") (\S+)(?: (\S+))?))?"
)
_PAIR = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")
FIELDS = {b"HELP": "help", b"TYPE": "type", b"UNIT": "unit"}
MAX_LINES = 10_000
MAX_EXEMPLARS = 4_000
EXEMPLAR_SIZE = 700
"""The bytes of an exemplar besides its text: two small dicts and their strings."""


class ParsedExemplar(NamedTuple):
    """An exemplar; ``seconds`` since the epoch, or None."""

    labels: dict[str, str]
    value: float
    seconds: float | None


class ParsedSample(NamedTuple):
    """``key`` is the text before the value; ``exemplar`` the text of the exemplar, or empty."""

    key: bytes
    value: float
    exemplar: bytes


def parse_sample(line: bytes) -> ParsedSample | None:
    """Parse the line of a sample; None if it is not one."""
    found = _SAMPLE.fullmatch(line)
    if found is None:
        return None
    try:
        return ParsedSample(found[1], float(found[2]), found[3] or b"")
    except ValueError:
        return None


def parse_exemplar(exemplar: bytes) -> ParsedExemplar | None:
    """Parse the text of an exemplar, without the # before it."""
    labels, _, rest = exemplar.rpartition(b"}")
    try:
        value, *when = map(float, rest.split())
    except ValueError:
        return None
    return ParsedExemplar(
        parse_labels(labels.decode("utf-8", "replace")), value, when[0] if when else None
    )


def series_labels(key: bytes, target: dict[str, str]) -> dict[str, str]:
    """Return the labels of a series with those of its target, without empty ones.

    A label of the page that has the name of a target's label is renamed to ``exported_<name>``,
    repeatedly if that name is taken too, as with ``honor_labels: false``:
    https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config
    """
    name, _, rest = key.decode("utf-8", "replace").partition("{")
    labels = {label: value for label, value in parse_labels(rest).items() if value}
    for label in sorted(target.keys() & labels.keys(), key=len):
        value, exported = labels.pop(label), f"exported_{label}"
        while exported in labels or exported in target:
            exported = f"exported_{exported}"
        labels[exported] = value
    return {"__name__": name, **labels, **target}


def parse_labels(text: str) -> dict[str, str]:
    """Parse the labels between braces."""
    return {name: unescape(value) for name, value in _PAIR.findall(text)}


def unescape(text: str) -> str:
    """Replace the escape sequences of label values and help texts."""
    return _ESCAPED.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


class MetricMetadata:
    """Type, help and unit of each metric family of the page."""

    def __init__(self) -> None:
        self._families: dict[str, dict[str, str]] = {}
        self._seen: set[bytes] = set()

    def read(self, line: bytes) -> None:
        """Read a line that begins with #."""
        if line in self._seen or len(self._seen) >= MAX_LINES:
            return
        self._seen.add(line)
        parts = line.split(b" ", 3)
        if len(parts) > 2 and parts[1] in FIELDS:  # noqa: PLR2004 sign, field, name
            name = parts[2].decode("utf-8", "replace")
            text = parts[3].decode("utf-8", "replace") if len(parts) > 3 else ""  # noqa: PLR2004 comment, kind, name and text
            about = self._families.setdefault(name, {"type": "unknown", "help": "", "unit": ""})
            about[FIELDS[parts[1]]] = unescape(text)

    def __iter__(self) -> Iterator[tuple[str, dict[str, str]]]:
        return iter(list(self._families.items()))


class SeriesExemplar(NamedTuple):
    """An exemplar of a series; ``time`` in milliseconds."""

    series: Mapping[str, str]
    exemplar: ParsedExemplar
    time: int


class Exemplars:
    """Exemplars by series and text; the oldest are dropped first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[bytes, bytes], SeriesExemplar] = OrderedDict()
        self._lock = Lock()
        self.size = 0

    def add(self, key: bytes, text: bytes, series: Mapping[str, str], time: int) -> None:
        """Add an exemplar. A page repeats it while it is the newest of its series."""
        if (key, text) in self._kept:
            return
        found = parse_exemplar(text)
        if found is None:
            return
        when = time if found.seconds is None else round(found.seconds * 1000)
        with self._lock:
            self._kept[key, text] = SeriesExemplar(series, found, when)
            self.size += EXEMPLAR_SIZE + getsizeof(text)
            if len(self._kept) > MAX_EXEMPLARS:
                self._drop()

    def expire(self, before: int) -> None:
        """Drop the exemplars that are older, in the order in which they were added."""
        with self._lock:
            while self._kept and next(iter(self._kept.values())).time < before:
                self._drop()

    def _drop(self) -> None:
        (_, text), _ = self._kept.popitem(last=False)
        self.size -= EXEMPLAR_SIZE + getsizeof(text)

    def between(self, begin: int, end: int) -> Iterator[SeriesExemplar]:
        """Return the exemplars of this time range, both ends included."""
        with self._lock:
            found = list(self._kept.values())
        return (one for one in found if begin <= one.time <= end)
