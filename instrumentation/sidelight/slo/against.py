"""Do objectives fit a running service? What its ``/metrics`` shows of routes and buckets."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from sidelight.contract import METHOD, ROUTE
from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.errors import SidelightError
from sidelight.slo.objectives import Objective, Route, Service
from sidelight.slo.windows import plain

SECONDS = 10.0
MOST = 64 * 1024 * 1024
"""Bytes of a page that are read."""
DURATION = "http_server_request_duration_seconds_bucket"
START = "fastapi_time_to_first_byte_seconds_bucket"

_LINE = re.compile(rf"({DURATION}|{START})\{{(.*)\}} \S")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")


@dataclass(slots=True)
class Page:
    """Routes and boundaries of each of the two histograms."""

    routes: dict[str, set[Route]] = field(default_factory=lambda: {DURATION: set(), START: set()})
    bounds: dict[str, set[float]] = field(default_factory=lambda: {DURATION: set(), START: set()})


def load(source: str, token: str | None = None) -> str:
    """The page at a URL, or in a file."""
    scheme = urlsplit(source).scheme
    try:
        if scheme in {"http", "https"}:
            request = Request(source)  # noqa: S310 the scheme is checked above
            if token:
                request.add_header("Authorization", f"Bearer {token}")
            with urlopen(request, timeout=SECONDS) as answer:  # noqa: S310 as above
                data: bytes = answer.read(MOST)
        else:
            data = Path(source).read_bytes()[:MOST]
    except (OSError, ValueError) as error:
        example = "--against http://127.0.0.1:8000/metrics"
        raise SidelightError(f"--against {source!r}: {error}; for example {example}") from error
    return data.decode("utf-8", "replace")


def parse(text: str) -> Page:
    """What a page shows; lines that are not of our histograms are passed over."""
    page = Page()
    for family, labels in _LINE.findall(text):
        found = {name: _ESCAPE.sub(_plain, value) for name, value in _LABEL.findall(labels)}
        page.routes[family].add(Route(found.get(METHOD, ""), found.get(ROUTE, "")))
        bound = found.get("le", "")
        if re.fullmatch(r"[0-9.e+-]+", bound):
            page.bounds[family].add(float(bound))
    return page


def check(service: Service, page: Page) -> Iterator[Finding]:
    """Every latency is a boundary, every route is there."""
    if not page.routes[DURATION]:
        yield fail(f"the page has no {DURATION}", "give the address of the service's /metrics")
        return
    found = [*_latencies(service, page), *_routes(service, page)]
    yield from found or [ok("every latency is a bucket and every route is there")]


def _latencies(service: Service, page: Page) -> Iterator[Finding]:
    for one in service.objectives:
        family = START if one.first_byte and one.route else DURATION
        if one.seconds is None or not page.bounds[family]:
            continue
        if float(one.seconds) not in page.bounds[family]:
            seconds = plain(one.seconds)
            yield fail(
                f"{one.said} of {seconds}s is no bucket of {family}: its alerts can never fire",
                "restart the service where it reads these settings, or add to its settings: "
                f"buckets = [..., {seconds}]",
            )


def _routes(service: Service, page: Page) -> Iterator[Finding]:
    known = {route for route in page.routes[DURATION] if route.template}
    for one in service.objectives:
        if one.route and one.route not in known:
            yield fail(*_missing("slo.route.match", one.route, known))
        elif one.first_byte and one.route and one.route not in page.routes[START]:
            yield _no_stream(one)
    for route in service.exclude:
        if not any(_covers(route, other) for other in known):
            yield warn(*_missing("slo.exclude", route, known))


def _no_stream(one: Objective) -> Finding:
    return warn(
        f"{one.route} has streamed nothing yet: {START} has no such route",
        "ask it once; if it doesn't stream, remove first_byte = true",
    )


def _missing(key: str, route: Route, known: set[Route]) -> tuple[str, str]:
    roots = {
        other.template.removesuffix(route.template)
        for other in known
        if other.method == route.method and other.template.endswith(route.template)
    }
    if roots:
        return f"{key}: no route {route}", f'root_path = "{min(roots)}"'
    near = difflib.get_close_matches(str(route), map(str, known), 1, 0.5)
    return (
        f"{key}: no route {route}",
        f'match = "{near[0]}"' if near else "look for http_route in the page",
    )


def _covers(pattern: Route, route: Route) -> bool:
    if pattern.method and pattern.method != route.method:
        return False
    start = pattern.template.removesuffix("*")
    return route.template == start or (
        start != pattern.template and route.template.startswith(start)
    )


def _plain(found: re.Match[str]) -> str:
    return "\n" if found[1] == "n" else found[1]
