"""Reads registries of prometheus_client, where the application has imported it."""

import sys
from typing import Any

from sidelight.app_metrics.families import CREATED_WITH, AppFamily, SampleKey

_LEFT_OUT = frozenset({"PlatformCollector", "GCCollector"})
"""Default collectors of prometheus_client whose metrics Sidelight has too."""


def default_registry() -> Any:
    """prometheus_client's default registry, or None where it is not in use."""
    module = sys.modules.get("prometheus_client")
    return getattr(module, "REGISTRY", None)


def collectors(registry: Any) -> list[Any]:
    """The collectors of a registry, without prometheus_client's default ones.

    A registry of another make is one collector.
    """
    # Not public, but nothing else gives the collectors, which must be run one by one.
    found = getattr(registry, "_collector_to_names", None)
    if found is None:
        return [registry]
    return [collector for collector in list(found) if not _is_default(collector)]


def families_of(collector: Any) -> list[AppFamily]:
    """The families of one collector. Raises whatever it raises."""
    # Not public either, and all that knows a gauge's mode: without it gauges get the label worker.
    mode = getattr(collector, "_multiprocess_mode", "")
    name = getattr(collector, "_name", "")
    return [
        _family(metric, mode if isinstance(mode, str) and metric.name == name else "")
        for metric in collector.collect()
    ]


def collector_name(collector: Any) -> str:
    """What a collector is called in an error: a metric's name, else the class."""
    name = getattr(collector, "_name", None)
    if _is_of_prometheus_client(collector) and isinstance(name, str):
        return name
    return type(collector).__name__


def _family(metric: Any, mode: str) -> AppFamily:
    family = AppFamily(metric.name, metric.type, metric.documentation, metric.unit, mode)
    created: dict[SampleKey, float] = {}
    for sample in metric.samples:
        key = (sample.name.removeprefix(metric.name), tuple(sample.labels.items()))
        if key[0] == "_created":
            created[CREATED_WITH.get(family.kind, "_created"), key[1]] = float(sample.value)
            continue
        family.samples[key] = float(sample.value)
        if sample.timestamp is not None:
            family.timestamps[key] = float(sample.timestamp)
        if sample.exemplar is not None:
            traced = tuple(sample.exemplar.labels.items())
            family.exemplars[key] = (traced, sample.exemplar.value, sample.exemplar.timestamp)
    family.created = {key: created[key] for key in created.keys() & family.samples.keys()}
    return family


def _is_default(collector: Any) -> bool:
    """Whether Sidelight has the metrics of a collector: one of this process, under its own names.

    A ``ProcessCollector`` may also have a namespace, or be of another process.
    """
    if not _is_of_prometheus_client(collector):
        return False
    if type(collector).__name__ != "ProcessCollector":
        return type(collector).__name__ in _LEFT_OUT
    pid = getattr(collector, "_pid", None)
    own_process = not callable(pid) or pid() == "self"
    return own_process and getattr(collector, "_prefix", "process_") == "process_"


def _is_of_prometheus_client(collector: Any) -> bool:
    return type(collector).__module__.startswith("prometheus_client.")
