"""Objectives as users write them, checked; all shares and times are exact decimals."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from sidelight import latency
from sidelight.durations import to_milliseconds
from sidelight.errors import SettingsError
from sidelight.slo.selector import Selector, escaped, every_job, literal, one_job, parse
from sidelight.slo.windows import BURNS, LONG, Burn, percent

Kind = Literal["availability", "latency"]

DEFAULT_AVAILABILITY = Decimal("0.99")
"""Of a service that wrote no objective."""
LONGEST_WINDOW = "90d"
MOST_EVENTS = 1_000_000
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


@dataclass(frozen=True, slots=True)
class Route:
    """A route, or several: ``method`` may be empty, and ``template`` end in ``*``."""

    method: str
    template: str

    @property
    def matchers(self) -> str:
        """PromQL's matchers of it."""
        if self.template.endswith("*"):
            text = f'http_route=~"{escaped(literal(self.template[:-1]))}.*"'
        else:
            text = f'http_route="{escaped(self.template)}"'
        return f'http_request_method="{self.method}",{text}' if self.method else text

    def __str__(self) -> str:
        return f"{self.method} {self.template}".strip()


@dataclass(frozen=True, slots=True)
class Objective:
    """``share`` of the requests are good; of a latency, good ones that take ``seconds`` at most.

    ``route`` is None for the whole service. With ``first_byte`` the time to the first byte of a
    streamed response counts; of a whole service, on the routes that stream.
    """

    kind: Kind
    share: Decimal
    seconds: Decimal | None = None
    route: Route | None = None
    first_byte: bool = False

    @property
    def budget(self) -> Decimal:
        """The share that may be bad."""
        return 1 - self.share

    def can_fire(self, burn: Burn) -> bool:
        """Whether anything could ever burn that fast: no more than all requests can be bad."""
        return burn.factor * self.budget < 1

    @property
    def said(self) -> str:
        """Whose objective it is, as the settings say it."""
        return f"slo.route[{self.route}].{self.kind}" if self.route else f"slo.{self.kind}"


@dataclass(frozen=True, slots=True)
class Service:
    """All that rules are made of. ``name`` is None where each job is a service of its own."""

    name: str | None
    selector: Selector
    objectives: tuple[Objective, ...]
    window: str = "30d"
    exclude: tuple[Route, ...] = ()
    min_bad_events: int = 10
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    runbook_base: str = "docs/runbooks"
    dashboard_base: str = ""

    @property
    def streams(self) -> tuple[Route, ...]:
        """Routes whose first byte counts: how long they live says nothing of latency."""
        return tuple(o.route for o in self.objectives if o.first_byte and o.route)


def default(*but: str) -> Service:
    """Every job with availability of 99 %, except the jobs named."""
    return Service(None, every_job(*but), (Objective("availability", DEFAULT_AVAILABILITY),))


def read(settings: Mapping[str, Any]) -> Service:
    """What a table of settings says of one service.

    Raises `SettingsError` with the key, what was given, and one that works.
    """
    name, selector = _whose(settings)
    if name is None or selector is None:
        if "slo" in settings:
            problem = "is needed to know whose requests these objectives are about"
            raise SettingsError("service", None, problem, 'service = "shop"')
        return default()
    slo = latency.table(settings.get("slo", {"availability": "99%"}))
    _known("slo", slo, KEYS)
    checked = {key: check(f"slo.{key}", slo[key]) for key, check in _SLO.items() if key in slo}
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
    exclude = tuple(Route(r.method, root + r.template) for r in checked.pop("exclude", ()))
    return Service(name, selector, objectives, exclude=exclude, **checked)


def remarks(service: Service) -> Iterator[str]:
    """What is right and yet worth saying: burns that can never be, in the settings' words."""
    for objective in service.objectives:
        for burn in BURNS:
            if not objective.can_fire(burn):
                yield (
                    f"{objective.said}={percent(objective.share)!r}: the burn alert of "
                    f"{burn.factor} times over {burn.long} can never fire, since "
                    f"{burn.factor} x (1 - {objective.share}) = {burn.factor * objective.budget} "
                    "is not below 1: it is left out"
                )


def _whose(settings: Mapping[str, Any]) -> tuple[str | None, Selector | None]:
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


def _known(where: str, table: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key, value in table.items():
        if key not in keys:
            known = ", ".join(keys)
            example = latency.AVAILABILITY_EXAMPLE
            raise SettingsError(f"{where}.{key}", value, f"unknown key (known: {known})", example)


def _objectives(
    where: str, table: Mapping[str, Any], route: Route | None, *, first_byte: bool = False
) -> Iterator[Objective]:
    if "availability" in table:
        share = latency.availability(f"{where}.availability", table["availability"])
        yield Objective("availability", share, None, route)
    if "latency" in table:
        share, seconds = latency.latency(f"{where}.latency", table["latency"])
        yield Objective("latency", share, seconds, route, first_byte)


def _of_routes(slo: Mapping[str, Any], root: str) -> Iterator[Objective]:
    seen: dict[tuple[str, str, str], Any] = {}
    for table in latency.routes(slo):
        match = _match("slo.route.match", table.get("match"))
        where = latency.place(table)
        _known(where, table, ROUTE_KEYS)
        first_byte = _switch(f"{where}.first_byte", table.get("first_byte", False))
        route = Route(match.method, root + match.template)
        found = tuple(_objectives(where, table, route, first_byte=first_byte))
        if not found or (first_byte and "latency" not in table):
            problem = (
                "has no latency, and first_byte says when it ends" if found else "has no objective"
            )
            raise SettingsError(where, dict(table), problem, latency.ROUTE_EXAMPLE)
        for one in found:
            known = (one.kind, match.method, match.template)
            if known in seen:
                problem = f"says again what an earlier table said of it ({seen[known]!r})"
                given = table[one.kind]
                raise SettingsError(f"{where}.{one.kind}", given, problem, latency.ROUTE_EXAMPLE)
            seen[known] = table[one.kind]
        yield from found


def _match(key: str, given: Any) -> Route:
    found = _MATCH.fullmatch(given) if isinstance(given, str) else None
    if found is None or "{{" in given:
        raise SettingsError(key, given, "must be 'METHOD /template'", MATCH_EXAMPLE)
    return Route(found[1], found[2])


def _exclude(key: str, given: Any) -> tuple[Route, ...]:
    parts = given if isinstance(given, list) else [None]
    found = [_EXCLUDE.fullmatch(part) if isinstance(part, str) else None for part in parts]
    routes = [Route(one[1] or "", one[2] + one[3]) for one in found if one]
    if len(routes) < len(parts) or any("*" in r.template and r.template[-2] != "/" for r in routes):
        problem = "must be a list of routes, with or without a method, and may end in /*"
        raise SettingsError(key, given, problem, EXCLUDE_EXAMPLE)
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
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_EVENTS:
        problem = f"must be a whole number from 1 to {MOST_EVENTS}"
        raise SettingsError(key, given, problem, "min_bad_events = 10")
    return given


def _texts(ours: tuple[str, ...], example: str) -> Any:
    def check(key: str, given: Any) -> dict[str, str]:
        fine = isinstance(given, Mapping) and all(
            isinstance(value, str) and _NAME.fullmatch(name) and name not in ours
            for name, value in given.items()
        )
        if not fine:
            problem = f"must be a table of names and texts, and none of {', '.join(ours)}"
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


_SLO: dict[str, Any] = {
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
KEYS = tuple(_SLO)
ROUTE_KEYS = ("match", "availability", "latency", "first_byte")
