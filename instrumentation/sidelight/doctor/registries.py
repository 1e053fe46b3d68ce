"""Checks of the application's own metrics: that no registry of prometheus_client is left out."""

import gc
import sys
from collections.abc import Collection, Iterator
from typing import Any

from sidelight.app_metrics.registry import collector_name, collectors, default_registry
from sidelight.doctor.finding import Finding, warn

MOST_NAMES = 3


def check_registries(settings: Collection[Any]) -> Iterator[Finding]:
    """Findings about registries whose metrics Sidelight does not export.

    ``settings`` are the values of the setting ``registry``; None is the default registry.
    """
    default = default_registry()
    exported = {id(default if one is None else one) for one in settings}
    for registry in registries():
        names = sorted(map(collector_name, collectors(registry)))
        if names and id(registry) not in exported and "MultiProcessCollector" not in names:
            name = "the default registry" if registry is default else "a CollectorRegistry"
            yield warn(f"{name} with {_listed(names)} is not exported", _fix(settings))


def registries() -> list[Any]:
    """Every registry of prometheus_client in this process."""
    kind = getattr(sys.modules.get("prometheus_client"), "CollectorRegistry", None)
    if kind is None:
        return []
    return [found for found in gc.get_objects() if issubclass(type(found), kind)]


def _fix(settings: Collection[Any]) -> str:
    if any(one is not None for one in settings):
        return "register its metrics with the registry that registry=... names"
    return (
        "app.add_middleware(SidelightMiddleware, registry=...), unless something else exports it: "
        "see docs/application-metrics.md"
    )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
