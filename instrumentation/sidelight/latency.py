"""What an objective's text means: ``"99.9%"`` and ``"99% < 300ms"``, exactly.

Read by the middleware, which makes each latency a bucket, and by ``sidelight.slo``, which asks
for that bucket; so it imports nothing of either.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from sidelight.errors import SettingsError
from sidelight.nearest import only_known

AVAILABILITY_EXAMPLE = 'availability = "99.9%"'
LATENCY_EXAMPLE = 'latency = "99% < 300ms"'
SLO_EXAMPLE = 'slo = { availability = "99.9%", latency = "99% < 300ms" }'
ROUTE_EXAMPLE = 'route = [{ match = "POST /checkout", latency = "99% < 1s" }]'
KEYS = (
    "availability", "latency", "route", "first_byte", "window", "exclude", "min_bad_events",
    "labels", "annotations", "runbook_base", "dashboard_base", "root_path",
)  # fmt: skip
"""The keys of the table ``slo``."""
ROUTE_KEYS = ("match", "availability", "latency", "first_byte")
SHORTEST = Decimal("0.001")
LONGEST = Decimal(3600)

_SHARE = re.compile(r"(\d{1,2}(?:\.\d{1,6})?) ?%")
_LATENCY = re.compile(r"(\S+ ?%) *< *(\d{1,7}(?:\.\d{1,3})?) ?(ms|s)")


class Latency(NamedTuple):
    """``share`` of the responses (0.99) take at most ``seconds``."""

    share: Decimal
    seconds: Decimal


def availability(key: str, given: Any) -> Decimal:
    """The share of ``"99.9%"``: 0.999."""
    return _share(key, given, given, AVAILABILITY_EXAMPLE)


def latency(key: str, given: Any) -> Latency:
    """The share and the seconds of ``"99% < 300ms"``: 0.99 and 0.3."""
    found = _LATENCY.fullmatch(given.strip()) if isinstance(given, str) else None
    if found is None:
        raise SettingsError(key, given, "must be a share and a time in ms or s", LATENCY_EXAMPLE)
    seconds = Decimal(found[2]) / (1000 if found[3] == "ms" else 1)
    if not SHORTEST <= seconds <= LONGEST:
        raise SettingsError(key, given, "must be a time from 1ms to 3600s", LATENCY_EXAMPLE)
    return Latency(_share(key, given, found[1], LATENCY_EXAMPLE), seconds)


def routes(slo: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tables ``slo.route``. Raises `SettingsError`, also for an unknown key."""
    given = slo.get("route", [])
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise SettingsError("slo.route", given, "must be tables, [[...slo.route]]", ROUTE_EXAMPLE)
    for one in given:
        only_known(f"{place(one)}.", one, ROUTE_KEYS, ROUTE_EXAMPLE)
    return given


def place(route: Mapping[str, Any]) -> str:
    """What a table of a route is called in messages."""
    return f"slo.route[{route['match']}]" if "match" in route else "slo.route"


def table(slo: Any) -> Mapping[str, Any]:
    """The table ``slo`` itself. Raises `SettingsError`, also for an unknown key."""
    if not isinstance(slo, Mapping):
        raise SettingsError("slo", slo, "must be a table", SLO_EXAMPLE)
    only_known("slo.", slo, KEYS, AVAILABILITY_EXAMPLE)
    return slo


def _share(key: str, given: Any, text: Any, example: str) -> Decimal:
    found = _SHARE.fullmatch(text.strip()) if isinstance(text, str) else None
    share = Decimal(found[1]) / 100 if found else Decimal(0)
    if not share:
        problem = "must be a share above 0% and below 100%, with a % sign"
        raise SettingsError(key, given, problem, example)
    return share
