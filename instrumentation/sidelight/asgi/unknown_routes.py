"""Names in the settings that are no route of the application."""

from collections.abc import Iterator
from typing import NamedTuple

from sidelight.asgi.routes import RouteTable
from sidelight.latency import routes
from sidelight.nearest import nearest
from sidelight.route_thresholds import EVERY_ROUTE
from sidelight.settings import Settings
from sidelight.store.route_table import PublishedRoute

SIMILAR = 0.5
"""How similar the nearest route is at least, from 0 to 1."""


class UnknownRoute(NamedTuple):
    """What a setting names, and the nearest route; empty where none is similar."""

    key: str
    name: str
    nearest: str

    def __str__(self) -> str:
        question = f"; did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{self.key} names {self.name!r}, which is no route of this application{question}"


def route_names(table: RouteTable) -> set[str]:
    """Each route as the settings name it; the method is ``*`` where a route takes any."""
    return {f"{method} {route.template}" for route in table.routes for method in route.methods}


def unknown_routes(settings: Settings, table: RouteTable) -> Iterator[UnknownRoute]:
    """Each name of a route in the settings that the application does not have."""
    below_mounts = {PublishedRoute((), path).template for path in settings.path_templates}
    known = route_names(table)
    whole = settings.slow_request_threshold.keys() - set(settings.first_byte)
    for key, names in (
        ("slow_request_threshold", sorted(whole)),
        ("first_byte", settings.first_byte),
        ("slo.route.match", _with_objectives(settings)),
    ):
        for name in names:
            if name not in {EVERY_ROUTE, *known} and name.partition(" ")[2] not in below_mounts:
                yield UnknownRoute(key, name, nearest(name, sorted(known), SIMILAR))


def _with_objectives(settings: Settings) -> list[str]:
    """The routes that have an objective in the file of settings."""
    slo = settings.file.table.get("slo", {}) if settings.file else {}
    return [one["match"] for one in routes(slo) if isinstance(one.get("match"), str)]
