"""What of the application's metrics can be exported: by grammar, by kind and by name.

https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

import math

from sidelight.app_metrics.families import (
    CREATED_WITH,
    OWN_LABEL,
    SUFFIXES,
    AppFamily,
    AppLabels,
    SampleKey,
    reserved_names,
)
from sidelight.contract import METRICS
from sidelight.errors import InvalidDataError
from sidelight.text_format import LABEL, encodable, escaped_name

Group = frozenset[tuple[str, str]]
_INTEGRAL = frozenset({"_bucket", "_count", "_gcount"})
_NOT_NEGATIVE = frozenset({*_INTEGRAL, "_total", "_sum", "_gsum"})
_MAX_EXEMPLAR = 128
"""Characters of an exemplar's labels."""
_MAX_TIMESTAMP = 9e9
"""Seconds since the epoch, in the year 2255: OTLP has nanoseconds in 64 bits."""

_SAMPLE_SUFFIXES = ("_total", "_info", "_bucket", "_sum", "_count")
_SAMPLE_NAMES = frozenset(
    name
    for metric in METRICS.values()
    for name in (
        metric.name,
        *(metric.name + s for s in _SAMPLE_SUFFIXES if metric.kind in {"histogram", "summary"}),
    )
)
"""Every name that a sample of Sidelight's own may have."""
_RESERVED = frozenset(
    name
    for metric in METRICS.values()
    for name in reserved_names(
        metric.name.removesuffix("_total").removesuffix("_info"), metric.kind
    )
)


class NameCheck:
    """Keeps two families from sharing a name, and the application's from taking Sidelight's.

    Names are compared with an underscore for each character that has to be escaped, so that
    the same families are exported to every reader.
    """

    def __init__(self) -> None:
        self._taken = set(_RESERVED)

    def reserve(self, family: AppFamily, parts: list[AppFamily]) -> None:
        """Take the names of a family and of its parts. Raises `InvalidDataError`."""
        names = set[str]().union(
            *(reserved_names(escaped_name(part.name), part.kind) for part in parts)
        )
        if _is_own(escaped_name(family.name)) or names & self._taken:
            raise InvalidDataError("name_taken")
        self._taken |= names


def _is_own(name: str) -> bool:
    """Whether a family's samples could have a name of Sidelight's own."""
    names = {name, *(name + suffix for suffix in _SAMPLE_SUFFIXES)}
    return bool(names & _SAMPLE_NAMES) or name.startswith("sidelight_")


def exportable(family: AppFamily) -> list[AppFamily]:
    """A family as OpenMetrics allows it: one per sample name where the samples do not fit the kind.

    So a histogram whose boundaries changed between two workers is exported, though not as one.
    Raises `InvalidDataError` for what no format can carry.
    """
    wellformed = family.kind in SUFFIXES and _is_name(family.name)
    if not wellformed or not all(map(_is_grammatical, family.samples)):
        raise InvalidDataError("malformed")
    distinct = {
        (suffix, frozenset((escaped_name(n, label=True), encodable(value)) for n, value in labels))
        for suffix, labels in family.samples
    }
    if len(distinct) < len(family.samples):
        raise InvalidDataError("malformed")
    _settle_timestamps(family)
    if _fits_kind(family):
        valid = {
            (suffix, labels): seen
            for (suffix, labels), seen in family.exemplars.items()
            if _is_exemplar(suffix, seen[0], seen[2])
        }
        traced = family.kind in {"counter", "histogram", "gaugehistogram"}
        family.exemplars = valid if traced else {}
        family.created = {
            key: seconds
            for key, seconds in family.created.items()
            if key[0] == CREATED_WITH.get(family.kind) and 0 < seconds < _MAX_TIMESTAMP
        }
        return [family]
    parts: dict[str, AppFamily] = {}
    for (suffix, labels), value in family.samples.items():
        name = family.name + suffix
        part = parts.setdefault(name, AppFamily(name, "unknown", family.help, "", ""))
        part.samples["", labels] = value
        if (suffix, labels) in family.timestamps:
            part.timestamps["", labels] = family.timestamps[suffix, labels]
    return list(parts.values())


def _is_grammatical(key: SampleKey) -> bool:
    suffix, labels = key
    names = {escaped_name(name, label=True) for name, _ in labels}
    known = any(suffix in suffixes for suffixes in SUFFIXES.values())
    valid = all(_is_name(name) for name, _ in labels) and len(names) == len(labels)
    return known and valid and not any(name.startswith("__") for name in names)


def _is_name(text: str) -> bool:
    """Whether text may be a name: any that can be read, since a format escapes or quotes it."""
    return bool(text) and text.isprintable()


def _settle_timestamps(family: AppFamily) -> None:
    """Give all samples of a histogram, summary or set one timestamp: the newest, or none."""
    groups: dict[Group, list[SampleKey]] = {}
    for key in family.samples if family.timestamps else ():
        groups.setdefault(_group(family, key), []).append(key)
    settled = {}
    for keys in groups.values():
        found = [family.timestamps.get(key, math.nan) for key in keys]
        if all(0 <= when < _MAX_TIMESTAMP for when in found):
            settled.update(dict.fromkeys(keys, max(found)))
    family.timestamps = settled


def _own_label(family: AppFamily, suffix: str) -> str | None:
    return family.name if family.kind == "stateset" else OWN_LABEL.get((suffix, family.kind))


def _group(family: AppFamily, key: SampleKey) -> Group:
    """What a sample shares with the others of its histogram, summary or set."""
    if family.kind == "info":
        return frozenset()
    own = _own_label(family, key[0])
    return frozenset(pair for pair in key[1] if pair[0] != own)


def _is_exemplar(suffix: str, labels: AppLabels, seconds: float | None) -> bool:
    text = "".join(part for pair in labels for part in pair)
    return (
        suffix in {"_bucket", "_total"}
        and _is_grammatical((suffix, labels))
        and all(LABEL.fullmatch(name) for name, _ in labels)
        and len(text) <= _MAX_EXEMPLAR
        and not {'"', "\\", "\n"} & set(text)
        and (seconds is None or math.isfinite(seconds))
    )


def _fits_kind(family: AppFamily) -> bool:
    """Whether the samples are what OpenMetrics demands of their kind, and in its order."""
    if family.unit and family.kind in {"info", "stateset"}:
        return False
    if family.kind == "stateset" and not _names_its_label(family.name):
        return False
    groups: dict[Group, dict[str, float]] = {}
    last: Group | None = None
    for (suffix, labels), value in family.samples.items():
        own = _own_label(family, suffix)
        marks = [mark for name, mark in labels if name == own]
        if suffix not in SUFFIXES[family.kind] or len(marks) != (own is not None):
            return False
        group = _group(family, (suffix, labels))
        if group != last and group in groups:
            return False
        last = group
        if not _sample_fits(family.kind, suffix, value, groups.setdefault(group, {}), *marks):
            return False
    return all(map(_is_complete, groups.values())) if "histogram" in family.kind else True


def _names_its_label(name: str) -> bool:
    """Whether a state's label, which has the name of its family, is written like that."""
    return escaped_name(name) == escaped_name(name, label=True)


def _sample_fits(
    kind: str, suffix: str, value: float, group: dict[str, float], mark: str = ""
) -> bool:
    """Whether a sample fits its kind, after the samples of its ``group`` before it."""
    if suffix in _NOT_NEGATIVE and not value >= 0:
        return False
    if (suffix in _INTEGRAL and not value.is_integer()) or (kind == "info" and value != 1):
        return False
    if kind == "stateset":
        return value in {0, 1}
    if kind == "summary" and not suffix:
        return 0 <= _float(mark) <= 1 and not value < 0
    if suffix == "_bucket":
        bound = _float(mark)
        rises = bound > group.get("le", -math.inf) and value >= group.get("_bucket", 0)
        if not rises or bound < 0 or (math.isinf(bound) and mark != "+Inf"):
            return False
        group["le"] = bound
    group[suffix] = value
    return True


def _is_complete(group: dict[str, float]) -> bool:
    """Whether the samples of one histogram are all present, and agree."""
    count = group.get("_count", group.get("_gcount"))
    has_sum = "_sum" in group or "_gsum" in group
    same = count is None or count == group.get("_bucket")
    return group.get("le") == math.inf and same and has_sum == (count is not None)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
