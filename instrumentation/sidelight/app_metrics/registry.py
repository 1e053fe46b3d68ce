"""Reads prometheus_client's default registry, where the application has imported it."""

import sys
from collections.abc import Iterable
from typing import Any

from sidelight.app_metrics.families import AppFamily

DEFAULT_COLLECTORS = frozenset({"ProcessCollector", "PlatformCollector", "GCCollector"})


def default_registry() -> Any:
    """prometheus_client's default registry, or None where it is not in use."""
    module = sys.modules.get("prometheus_client")
    return getattr(module, "REGISTRY", None)


def collect_families(registry: Any) -> list[AppFamily]:
    """The families of a registry, without those of prometheus_client's default collectors."""
    modes, default_names = _modes(registry), _default_names(registry)
    return [
        _family(metric, modes.get(metric.name, ""))
        for metric in registry.collect()
        if metric.name not in default_names
    ]


def _family(metric: Any, mode: str) -> AppFamily:
    family = AppFamily(metric.name, metric.type, metric.documentation, metric.unit, mode)
    for sample in metric.samples:
        if sample.name == metric.name + "_created":
            continue
        key = (sample.name.removeprefix(metric.name), tuple(sample.labels.items()))
        family.samples[key] = float(sample.value)
        if sample.exemplar is not None:
            traced = tuple(sample.exemplar.labels.items())
            family.exemplars[key] = (traced, sample.exemplar.value, sample.exemplar.timestamp)
    return family


def _collectors(registry: Any) -> dict[Any, Iterable[str]]:
    # Not public, and all that knows a gauge's mode: without it gauges get the label worker.
    return dict(getattr(registry, "_collector_to_names", {}))


def _modes(registry: Any) -> dict[str, str]:
    modes = {}
    for collector in _collectors(registry):
        mode = getattr(collector, "_multiprocess_mode", None)
        name = getattr(collector, "_name", None)
        if isinstance(mode, str) and isinstance(name, str):
            modes[name] = mode
    return modes


def _default_names(registry: Any) -> frozenset[str]:
    return frozenset(
        name
        for collector, names in _collectors(registry).items()
        if type(collector).__name__ in DEFAULT_COLLECTORS
        and type(collector).__module__.startswith("prometheus_client.")
        for name in (*names, *(name.removesuffix("_total") for name in names))
    )
