"""Recording rules. Raw series are scanned once, over 5 minutes; the rest is sums of sums."""

from collections.abc import Iterator

from sidelight.contract import (
    CLIENT_DISCONNECTED,
    ERROR,
    INCOMPLETE_RESPONSE,
    METHOD,
    ROUTE,
    STATUS,
)
from sidelight.slo import names
from sidelight.slo.objectives import Objective
from sidelight.slo.plan import Plan, Rule, labels, matchers
from sidelight.slo.selector import escaped, literal
from sidelight.slo.windows import BASE, INTERVAL, plain, seconds

CLASS = "status_class"
COUNTED = f'{ERROR}!="{CLIENT_DISCONNECTED}"'
FAILED = f'{CLASS}="5xx"'
BROKEN = f'{ERROR}="{INCOMPLETE_RESPONSE}"'
GOOD = f'{CLASS}!="5xx",{ERROR}!~"{CLIENT_DISCONNECTED}|{INCOMPLETE_RESPONSE}"'
RAW_GOOD = f'{STATUS}!~"5..",{ERROR}!~"{CLIENT_DISCONNECTED}|{INCOMPLETE_RESPONSE}"'
DURATION = "http_server_request_duration_seconds"
START = "fastapi_time_to_first_byte_seconds"
STARTED = f"{START}_count"


def requests(plan: Plan) -> Iterator[Rule]:
    """What every service has: rates by route, status and bucket, and by instance."""
    yield from _counts(plan)
    yield from _times(plan)
    yield from _instances(plan)
    if any(one.first_byte for one in plan.service.objectives):
        yield _rule(names.STARTS, plan.text(f"sum by (<by>, {METHOD}, {ROUTE}) ({_rate(STARTED)})"))
        yield _rule(names.STARTS_LE, _buckets(plan, START, ""))


def _counts(plan: Plan) -> Iterator[Rule]:
    by, own = plan.by, plan.matchers()
    each = f"{METHOD}, {ROUTE}"
    classed = f'label_replace(<status>, "{CLASS}", "${{1}}xx", "{STATUS}", "([1-5])..")'
    classed = classed.replace("<status>", names.ROUTE_STATUS + own)
    status = f"sum by (<by>, {each}, {STATUS}, {ERROR}) ({_rate(f'{DURATION}_count')})"
    yield _rule(names.ROUTE_STATUS, plan.text(status))
    yield _rule(names.ROUTE_CLASS, f"sum by ({by}, {each}, {CLASS}, {ERROR}) ({classed})")
    yield _rule(names.ROUTE, f"sum by ({by}, {each}) ({names.ROUTE_CLASS}{own})")
    yield _rule(names.SERVICE_CLASS, f"sum by ({by}, {CLASS}) ({names.ROUTE_CLASS}{own})")
    yield _rule(names.SERVICE, f"sum by ({by}) ({names.ROUTE}{own})")


def _times(plan: Plan) -> Iterator[Rule]:
    each = f"sum by (<by>, {METHOD}, {ROUTE})"
    yield _rule(names.ROUTE_LE, _buckets(plan, DURATION, RAW_GOOD))
    yield _rule(names.SERVICE_LE, f"sum by ({plan.by}, le) ({names.ROUTE_LE}{plan.matchers()})")
    time = f"sum by (<by>, {METHOD}, {ROUTE}, {STATUS}, {ERROR}) ({_rate(f'{DURATION}_sum')})"
    yield _rule(names.STATUS_TIME, plan.text(time))
    yield _rule(names.ROUTE_TIME, plan.text(f"{each} ({names.STATUS_TIME}{plan.matchers()})"))
    yield _rule(names.ROUTE_SLOW, plan.text(f"{each} ({_rate('fastapi_slow_requests_total')})"))
    least = f"min by (<by>, {METHOD}, {ROUTE}) (fastapi_slow_request_threshold_seconds{{<sel>}})"
    yield _rule(names.ROUTE_SLOW_FROM, plan.text(least))


def _instances(plan: Plan) -> Iterator[Rule]:
    """Beside those by route, so that neither has routes times instances."""
    for name, series, by in (
        (names.INSTANCE_STATUS, f"{DURATION}_count", f", {STATUS}"),
        (names.INSTANCE_TIME, f"{DURATION}_sum", ""),
    ):
        yield _rule(name, plan.text(f"sum by (<by>, instance{by}) ({_rate(series)})"))


def objectives(plan: Plan) -> Iterator[Rule]:
    """Requests and bad requests of each objective over 5 minutes, what it allows, how long."""
    for one in plan.service.objectives:
        total = names.TOTAL_RATE + plan.matchers(matchers(one))
        if one.kind == "availability":
            requests = f"sum by ({plan.by}) ({_of(plan, one, (names.ROUTE_CLASS, COUNTED))})"
            bad = f"{bad_of(plan, one, plan.by)} or on ({plan.by}) 0 * {total}"
        else:
            requests, quick = slow_among(plan, one, plan.by)
            bad = f"clamp_min({total} - on ({plan.by}) {quick}, 0)"
        yield _rule(names.TOTAL_RATE, requests, **labels(one))
        yield _rule(names.BAD_RATE, bad, **labels(one))
        yield _rule(names.OBJECTIVE, f"0 * {total} + {plain(one.share)}", **labels(one))
        yield _rule(names.BUDGET, f"0 * {total} + {plain(one.budget)}", **labels(one))
        if one.seconds is not None:
            yield _rule(names.SECONDS, f"0 * {total} + {plain(one.seconds)}", **labels(one))
    lasts = seconds(plan.service.window, plan.scale)
    yield _rule(names.WINDOW, f"0 * {names.BUDGET}{plan.matchers()} + {lasts}")
    yield _rule(names.ratio(BASE), _per(plan, names.BAD_RATE, names.TOTAL_RATE))


def window(plan: Plan, length: str) -> Iterator[Rule]:
    """One window of all objectives: requests, bad requests, and the ratio of these sums.

    A rate recorded every interval, summed and times the interval, is the number of requests.
    """
    step = seconds(INTERVAL, plan.scale)
    for rate, name in ((names.TOTAL_RATE, names.total), (names.BAD_RATE, names.bad)):
        summed = f"sum_over_time({rate}{plan.matchers()}[{plan.time(length)}])"
        yield _rule(name(length), f"{summed} * {step}")
    yield _rule(names.ratio(length), _per(plan, names.bad(length), names.total(length)))


def budget(plan: Plan) -> Iterator[Rule]:
    """What is left of each error budget: 1 is all of it, below 0 is overspent."""
    own = plan.matchers()
    spent = f"{names.ratio(plan.service.window)}{own} / {names.BUDGET}{own}"
    yield _rule(names.BUDGET_LEFT, f"1 - {spent}")


def means(plan: Plan) -> Iterator[Rule]:
    """How long dependencies and neighbours take, for alerts that compare it with the past."""
    for name, family, by in (
        (names.DEPENDENCY, "fastapi_dependency_duration_seconds", "dependency, step"),
        (names.NEIGHBOUR, "http_client_request_duration_seconds", "server_address"),
    ):
        total, count = (
            f"sum by (<by>, {by}) (rate({family}_{part}{{<sel>}}[<{BASE}>]))"
            for part in ("sum", "count")
        )
        yield _rule(name, plan.text(f"{total} / ({count} > 0)"))


def slow_among(plan: Plan, objective: Objective, by: str) -> tuple[str, str]:
    """Good responses, and those of them within the latency; each a sum ``by`` these labels."""
    assert objective.seconds is not None  # noqa: S101 for mypy: a latency has seconds
    bucket = le(plain(objective.seconds))
    if objective.first_byte and objective.route:
        good = _of(plan, objective, (names.STARTS, ""))
        quick = _of(plan, objective, (names.STARTS_LE, bucket))
    else:
        good = _of(plan, objective, (names.ROUTE_CLASS, GOOD))
        quick = _of(plan, objective, (names.ROUTE_LE, bucket))
        if objective.first_byte:
            streams = f"on ({plan.by}, {METHOD}, {ROUTE}) {names.STARTS}{plan.matchers()}"
            starts = _of(plan, objective, (names.STARTS, ""))
            good = f"{good} unless {streams} or {starts}"
            starts = _of(plan, objective, (names.STARTS_LE, bucket))
            quick = f"{quick} unless {streams} or {starts}"
    return f"sum by ({by}) ({good})", f"sum by ({by}) ({quick})"


def le(bound: str) -> str:
    """The matcher of a bucket, in each spelling that a Prometheus may have it in."""
    whole = "" if "." in bound else "(\\\\.0)?"
    return f'le=~"{escaped(literal(bound))}{whole}"'


def bad_of(plan: Plan, objective: Objective, by: str) -> str:
    """Requests a second that are bad for availability."""
    parts = ((names.ROUTE_CLASS, f"{COUNTED},{FAILED}"), (names.ROUTE_CLASS, BROKEN))
    return f"sum by ({by}) ({_of(plan, objective, *parts)})"


def _of(plan: Plan, objective: Objective, *parts: tuple[str, str]) -> str:
    """Series of a route, or of all routes without those that are left out."""
    if objective.route:
        route = objective.route.matchers
        return " or ".join(name + plan.matchers(route, more) for name, more in parts)
    series = " or ".join(name + plan.matchers(more) for name, more in parts)
    left = plan.service.exclude
    if objective.kind == "latency":
        left = (*left, *plan.service.streams)
    name = parts[0][0]
    out = "".join(f" unless {name}{plan.matchers(one.matchers)}" for one in left)
    return f"({series}){out}" if out and len(parts) > 1 else series + out


def _rate(series: str) -> str:
    return f"rate({series}{{<sel>}}[<{BASE}>])"


def _buckets(plan: Plan, family: str, more: str) -> str:
    text = f"{{{more}<,sel>}}" if more else "{<sel>}"
    rate = f"rate({family}_bucket{text}[<{BASE}>])"
    return plan.text(f"sum by (<by>, {METHOD}, {ROUTE}, le) ({rate})")


def _per(plan: Plan, bad: str, total: str) -> str:
    own = plan.matchers()
    return f"{bad}{own} / ({total}{own} > 0)"


def _rule(record: str, expr: str, **labels: str) -> Rule:
    return {"record": record, "expr": expr, **({"labels": labels} if labels else {})}
