"""Objectives as the settings have them, checked. All shares and times are exact decimals."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sidelight import latency
from sidelight.durations import to_milliseconds
from sidelight.errors import SettingsError
from sidelight.nearest import in_capitals, only_known, route_problem
from sidelight.route_pattern import RoutePattern
from sidelight.settings import KEYS as FILE_KEYS
from sidelight.slo.objectives import Objective, ServiceConfig, default
from sidelight.slo.selector import ServiceSelector, one_job, parse
from sidelight.slo.windows import LONG

LONGEST_WINDOW = "90d"
MAX_EVENTS = 1_000_000
RESERVED = (
    "alertname",
    "severity",
    "service",
    "slo",
    "window",
    "http_request_method",
    "http_route",
)
OUR_ANNOTATIONS = ("summary", "description", "runbook_url", "dashboard_url")
MATCH_EXAMPLE = 'match = "POST /checkout"'
EXCLUDE_EXAMPLE = 'exclude = ["GET /events", "/internal/*"]'

_MATCH = re.compile(r"([A-Z]+) (/[^\s*<>`\"]*)")
_EXCLUDE = re.compile(r"(?:([A-Z]+) )?(/[^\s*<>`\"]*)(\*?)")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def read(settings: Mapping[str, Any]) -> ServiceConfig:
    """The configuration of one service from its table of settings.

    Raises `SettingsError`, which names the key, what was given, and a value that works.
    """
    only_known("", settings, FILE_KEYS, 'service = "shop"')
    name, selector = _service(settings)
    if name is None or selector is None:
        if "slo" in settings:
            problem = "is needed, because objectives apply to the requests of one service"
            raise SettingsError("service", None, problem, 'service = "shop"')
        return default()
    slo = latency.table(settings.get("slo", {"availability": "99%"}))
    checked = {key: check(f"slo.{key}", slo[key]) for key, check in _CHECKS.items() if key in slo}
    root = checked.pop("root_path", "")
    first_byte = checked.pop("first_byte", False)
    objectives = (
        *_objectives("slo", slo, None, first_byte=first_byte),
        *_of_routes(slo, root),
    )
    if not objectives:
        raise SettingsError("slo", dict(slo), "has no objective", latency.SLO_EXAMPLE)
    for key in ("availability", "latency", "route"):
        checked.pop(key, None)
    exclude = tuple(RoutePattern.parse(text, root) for text in checked.pop("exclude", ()))
    return ServiceConfig(name, selector, objectives, exclude=exclude, **checked)


def every_job(settings: Mapping[str, Any], but: tuple[str, ...] = ()) -> ServiceConfig:
    """The default objective for every job, except the jobs ``but``.

    Of the settings it has what is in every alert, such as addresses. Raises `SettingsError`.
    """
    slo = latency.table(settings.get("slo", {}))
    checked = {key: _CHECKS[key](f"slo.{key}", slo[key]) for key in OF_ALERTS if key in slo}
    return replace(default(*but), **checked)


def _service(settings: Mapping[str, Any]) -> tuple[str | None, ServiceSelector | None]:
    name = settings.get("service")
    if name is not None and (
        not isinstance(name, str) or not name.strip() or set(name) & set("{}<>`\n")
    ):
        problem = "must be text that is not empty, without braces"
        raise SettingsError("service", name, problem, 'service = "shop"')
    if "selector" not in settings:
        return name, one_job(name) if name else None
    selector = parse("selector", settings["selector"])
    pinned = {one.label: one.text for one in selector.matchers if one.operator == "="}
    return name or pinned.get("job", pinned[selector.by[0]]), selector


def _objectives(
    where: str, table: Mapping[str, Any], route: RoutePattern | None, *, first_byte: bool = False
) -> Iterator[Objective]:
    if "availability" in table:
        share = latency.availability(f"{where}.availability", table["availability"])
        yield Objective("availability", share, None, route)
    if "latency" in table:
        share, seconds = latency.latency(f"{where}.latency", table["latency"])
        yield Objective("latency", share, seconds, route, first_byte)


def _of_routes(slo: Mapping[str, Any], root: str) -> Iterator[Objective]:
    seen: dict[str, Any] = {}
    for table in latency.routes(slo):
        for one in _of_route(table, root):
            given, key = table[one.kind], f"{latency.place(table)}.{one.kind}"
            if one.key in seen:
                problem = f"is already set for this route, by an earlier table ({seen[one.key]!r})"
                raise SettingsError(key, given, problem, latency.ROUTE_EXAMPLE)
            seen[one.key] = given
            yield one


def _of_route(table: Mapping[str, Any], root: str) -> tuple[Objective, ...]:
    where = latency.place(table)
    match = _match("slo.route.match", table.get("match"))
    first_byte = _switch(f"{where}.first_byte", table.get("first_byte", False))
    route = RoutePattern.parse(match, root)
    found = tuple(_objectives(where, table, route, first_byte=first_byte))
    if not found:
        raise SettingsError(where, dict(table), "has no objective", latency.ROUTE_EXAMPLE)
    if first_byte and "latency" not in table:
        problem = "has first_byte, which is about a latency, and has no latency"
        raise SettingsError(where, dict(table), problem, latency.ROUTE_EXAMPLE)
    return found


def _match(key: str, given: Any) -> str:
    found = _MATCH.fullmatch(given) if isinstance(given, str) else None
    if found is None or "{{" in given:
        raise SettingsError(key, given, route_problem(given), MATCH_EXAMPLE)
    return found[0]


def _exclude(key: str, given: Any) -> tuple[str, ...]:
    routes = []
    for part in given if isinstance(given, list) else [None]:
        found = _EXCLUDE.fullmatch(part) if isinstance(part, str) else None
        if found is None or (found[3] and not found[2].endswith("/")):
            problem = "must be a list of routes, with or without a method, that may end in /*"
            raise SettingsError(key, given, problem + in_capitals(part), EXCLUDE_EXAMPLE)
        routes.append(found[0])
    return tuple(routes)


def _switch(key: str, given: Any) -> bool:
    if not isinstance(given, bool):
        raise SettingsError(key, given, "must be true or false", "first_byte = true")
    return given


def _window(key: str, given: Any) -> str:
    found = re.fullmatch(r"[1-9]\d?[dw]", given) if isinstance(given, str) else None
    least, most = to_milliseconds(LONG[-1]), to_milliseconds(LONGEST_WINDOW)
    if found is None or not least < to_milliseconds(given) <= most:
        problem = f"must be days or weeks, longer than {LONG[-1]} and at most {LONGEST_WINDOW}"
        raise SettingsError(key, given, problem, 'window = "30d"')
    return str(given)


def _events(key: str, given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MAX_EVENTS:
        problem = f"must be a whole number from 1 to {MAX_EVENTS}"
        raise SettingsError(key, given, problem, "min_bad_events = 10")
    return given


def _texts(reserved: tuple[str, ...], example: str) -> Any:
    def check(key: str, given: Any) -> dict[str, str]:
        fine = isinstance(given, Mapping) and all(
            isinstance(value, str) and _NAME.fullmatch(name) and name not in reserved
            for name, value in given.items()
        )
        if not fine:
            problem = f"must be a table of names and texts, and none of {', '.join(reserved)}"
            raise SettingsError(key, given, problem, example)
        return dict(given)

    return check


def _base(example: str) -> Any:
    def check(key: str, given: Any) -> str:
        if not isinstance(given, str) or not given.strip() or set(given) & set("{} \n"):
            raise SettingsError(key, given, "must be an address or a path", example)
        return given.rstrip("/")

    return check


def _root_path(key: str, given: Any) -> str:
    if not isinstance(given, str) or not re.fullmatch(r"(/[^\s*/]+)+", given):
        problem = "must be a path that doesn't end in /"
        raise SettingsError(key, given, problem, 'root_path = "/api"')
    return given


_CHECKS: dict[str, Any] = {
    "availability": latency.availability,
    "latency": latency.latency,
    "route": lambda _, given: given,
    "first_byte": _switch,
    "window": _window,
    "exclude": _exclude,
    "min_bad_events": _events,
    "labels": _texts(RESERVED, 'labels = { team = "checkout" }'),
    "annotations": _texts(OUR_ANNOTATIONS, 'annotations = { chat = "#checkout" }'),
    "runbook_base": _base('runbook_base = "https://wiki.example/runbooks"'),
    "dashboard_base": _base('dashboard_base = "https://grafana.example"'),
    "root_path": _root_path,
}
OF_ALERTS = ("labels", "annotations", "runbook_base", "dashboard_base")
"""Keys that are no objectives."""
