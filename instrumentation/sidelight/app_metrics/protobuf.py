"""The application's families in Prometheus's protobuf format: the samples of the text format."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from sidelight import client_model
from sidelight.app_metrics.families import (
    OWN_LABEL,
    AppFamily,
    AppLabels,
    SampleKey,
    plain_suffix,
)
from sidelight.contract import NANOSECONDS
from sidelight.protobuf_wire import MAX_UINT64
from sidelight.text_format import Escaping, suffixed_name

SAMPLES_AT_ONCE = 1000
_OF_SEVERAL_SAMPLES = frozenset(kind for _, kind in OWN_LABEL)


@dataclass(slots=True)
class _Group:
    """The samples of one histogram or summary.

    ``marked`` are those with a boundary or a quantile, ``plain`` the others, by suffix.
    """

    labels: AppLabels
    marked: dict[float, float] = field(default_factory=dict)
    exemplars: dict[int, bytes] = field(default_factory=dict)
    plain: dict[str, float] = field(default_factory=dict)
    when: float | None = None
    created: int = 0

    @property
    def fits(self) -> bool:
        """Whether a message can have it: the sum is not optional there, and a count has 64 bits."""
        return {"_sum", "_count"} <= self.plain.keys() and self.plain["_count"] <= MAX_UINT64


def render_family(family: AppFamily, escaping: Escaping = Escaping.UNDERSCORES) -> Iterator[bytes]:
    """A family, and empty pieces before it for the event loop's turns.

    A histogram that no message can have becomes a family of unknown kind for each of its suffixes.
    """
    name = suffixed_name(family.name, family.kind, escaping)
    if family.kind not in _OF_SEVERAL_SAMPLES:
        metrics = (_sample(family, key, family.kind, escaping) for key in family.samples)
        yield from _family(family, name, family.kind, metrics)
        return
    groups = yield from _grouped(family)
    if all(group.fits for group in groups):
        metrics = (_group(group, family.kind, escaping) for group in groups)
        yield from _family(family, name, family.kind, metrics)
        return
    for suffix in dict.fromkeys(suffix for suffix, _ in family.samples):
        keys = (key for key in family.samples if key[0] == suffix)
        metrics = (_sample(family, key, "unknown", escaping) for key in keys)
        yield from _family(family, name + plain_suffix(suffix), "unknown", metrics)


def _family(family: AppFamily, name: str, kind: str, metrics: Iterator[bytes]) -> Iterator[bytes]:
    encoded = []
    for number, metric in enumerate(metrics):
        if number % SAMPLES_AT_ONCE == 0:
            yield b""
        encoded.append(metric)
    yield client_model.family(name, kind, family.help, family.unit, encoded)


def _sample(family: AppFamily, key: SampleKey, kind: str, escaping: Escaping) -> bytes:
    value = family.samples[key]
    if kind == "counter":
        encoded = client_model.counter(value, _exemplar(family, key), _created(family, key))
    else:
        encoded = client_model.untyped(value) if kind == "unknown" else client_model.gauge(value)
    labels = client_model.label_pairs(key[1], escaping)
    return client_model.metric(labels, encoded, family.timestamps.get(key))


def _group(group: _Group, kind: str, escaping: Escaping) -> bytes:
    total, count = group.plain["_sum"], int(group.plain["_count"])
    if kind == "summary":
        encoded = client_model.summary(count, total, group.marked.items(), group.created)
    else:
        counts, bounds = tuple(map(int, group.marked.values())), tuple(group.marked)
        encoded = client_model.histogram(
            counts, total, bounds, group.exemplars, created=group.created
        )
    labels = client_model.label_pairs(group.labels, escaping)
    return client_model.metric(labels, encoded, group.when)


def _grouped(family: AppFamily) -> Generator[bytes, None, list[_Group]]:
    """The histograms or summaries of a family."""
    found: dict[AppLabels, _Group] = {}
    for number, ((suffix, labels), value) in enumerate(family.samples.items()):
        if number % SAMPLES_AT_ONCE == 0:
            yield b""
        own = OWN_LABEL.get((suffix, family.kind))
        others = tuple(pair for pair in labels if pair[0] != own)
        group = found.setdefault(others, _Group(others))
        group.when = family.timestamps.get((suffix, labels))
        group.created = group.created or _created(family, (suffix, labels))
        if own is None:
            group.plain[plain_suffix(suffix)] = value
            continue
        if (suffix, labels) in family.exemplars:
            group.exemplars[len(group.marked)] = _exemplar(family, (suffix, labels))
        group.marked[float(dict(labels)[own])] = value
    return list(found.values())


def _created(family: AppFamily, key: SampleKey) -> int:
    """When the series of a sample began, in nanoseconds; 0 where that is not known."""
    return round(family.created.get(key, 0.0) * NANOSECONDS)


def _exemplar(family: AppFamily, key: SampleKey) -> bytes:
    given = family.exemplars.get(key)
    return client_model.exemplar(*given) if given else b""
