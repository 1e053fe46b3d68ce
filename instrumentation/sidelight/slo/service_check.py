"""The check of objectives against the ``/metrics`` of a running service."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError

from sidelight.contract import METHOD, ROUTE
from sidelight.doctor.fetch import MAX_BYTES, fetch, is_url
from sidelight.doctor.finding import Finding, fail, ok, warn
from sidelight.errors import SidelightError
from sidelight.nearest import nearest
from sidelight.route_pattern import RoutePattern
from sidelight.slo.objectives import Objective, ServiceConfig
from sidelight.slo.windows import plain

TIMEOUT = 10.0
DURATION = "http_server_request_duration_seconds_bucket"
FIRST_BYTE = "fastapi_time_to_first_byte_seconds_bucket"
EXAMPLE = "--against http://127.0.0.1:8000/metrics"


@dataclass(slots=True)
class BucketSeries:
    """The routes and the bucket boundaries of one histogram."""

    routes: set[RoutePattern] = field(default_factory=set)
    bounds: set[float] = field(default_factory=set)


def load(source: str, token: str | None = None) -> str:
    """The metrics at a URL, or in a file. Raises `SidelightError`."""
    try:
        if is_url(source):
            data = fetch(source, TIMEOUT, token)
        else:
            data = Path(source).read_bytes()[:MAX_BYTES]
    except HTTPError as error:
        raise SidelightError(f"--against {source!r}: {_refused(error, token)}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise SidelightError(f"--against {source!r}: {error}; for example {EXAMPLE}") from error
    return data.decode("utf-8", "replace")


def _refused(error: HTTPError, token: str | None) -> str:
    answer = f"the answer is {error.code} {error.reason}"
    if error.code == HTTPStatus.UNAUTHORIZED:
        wanted = "the token is another one" if token else "a bearer token is needed"
        return f"{answer}: {wanted}; for example --token-file /run/secrets/sidelight_token"
    return f"{answer}; for example {EXAMPLE}"


def parse(text: str) -> dict[str, BucketSeries]:
    """What the two histograms have. Raises `SidelightError` where they can't be read."""
    from prometheus_client.parser import (  # noqa: PLC0415 the rest works without it
        text_string_to_metric_families,
    )

    found = {DURATION: BucketSeries(), FIRST_BYTE: BucketSeries()}
    lines = "\n".join(line for line in text.splitlines() if line.startswith(tuple(found)))
    try:
        samples = [s for family in text_string_to_metric_families(lines) for s in family.samples]
        for sample in samples:
            labels, series = sample.labels, found[sample.name]
            series.routes.add(RoutePattern(labels.get(METHOD, ""), labels.get(ROUTE, "")))
            if (bound := float(labels.get("le", math.inf))) < math.inf:
                series.bounds.add(bound)
    except (KeyError, ValueError) as error:
        raise SidelightError(f"the metrics can't be read: {error}") from error
    return found


def check(service: ServiceConfig, found: dict[str, BucketSeries]) -> Iterator[Finding]:
    """Check that every latency is a bucket boundary, and that every route is known."""
    if not found[DURATION].routes:
        fix = "send the service a request first, or give the address of its /metrics"
        yield fail(f"there is no {DURATION}", fix)
        return
    findings = [*_latencies(service, found), *_routes(service, found)]
    yield from findings or [ok("every latency is a bucket and every route is known")]


def _latencies(service: ServiceConfig, found: dict[str, BucketSeries]) -> Iterator[Finding]:
    for one in service.objectives:
        family = FIRST_BYTE if one.first_byte and one.route else DURATION
        bounds = found[family].bounds
        if one.seconds is not None and bounds and float(one.seconds) not in bounds:
            seconds = plain(one.seconds)
            yield fail(
                f"{one.key}: {seconds}s is no bucket of {family}, so its alerts can never fire",
                "restart the service in the directory of these settings, or add to its settings: "
                f"buckets = [..., {seconds}]",
            )


def _routes(service: ServiceConfig, found: dict[str, BucketSeries]) -> Iterator[Finding]:
    routes = {route for route in found[DURATION].routes if route.template}
    for one in service.objectives:
        if one.route and one.route not in routes:
            yield fail(*_missing("slo.route.match", one.route, routes))
        elif one.first_byte and one.route and one.route not in found[FIRST_BYTE].routes:
            yield _not_streaming(one)
    for route in service.exclude:
        if not any(route.covers(other) for other in routes):
            yield warn(*_missing("slo.exclude", route, routes))


def _not_streaming(one: Objective) -> Finding:
    return warn(
        f"{one.route} has streamed no response yet: {FIRST_BYTE} has no such route",
        "send it a request; if it does not stream, remove first_byte = true",
    )


def _missing(key: str, route: RoutePattern, routes: set[RoutePattern]) -> tuple[str, str]:
    what = f"{key}: there is no route {route}"
    roots = {
        other.template.removesuffix(route.template)
        for other in routes
        if other.method == route.method and other.template.endswith(route.template)
    }
    if roots:
        return what, f'root_path = "{min(roots)}"'
    near = nearest(str(route), sorted(map(str, routes)), 0.5)
    return what, f'match = "{near}"' if near else "see the values of http_route in /metrics"
