"""Recording rules. Raw series are read once, over 5 minutes; all other rules are sums of those."""

from collections.abc import Iterator

from sidelight.contract import (
    CLIENT_DISCONNECTED,
    ERROR,
    INCOMPLETE_RESPONSE,
    METHOD,
    PORT,
    ROUTE,
    SERVER,
    SERVER_SHUTDOWN,
    STATUS,
)
from sidelight.slo import names, versions
from sidelight.slo.context import Rule, RuleContext, labels, matchers
from sidelight.slo.objectives import Objective
from sidelight.slo.selector import literal
from sidelight.slo.windows import BASE, INTERVAL, plain, seconds
from sidelight.text_format import escaped

CLASS = "status_class"
UNCOUNTED = f"{CLIENT_DISCONNECTED}|{SERVER_SHUTDOWN}"
COUNTED = f'{ERROR}!~"{UNCOUNTED}"'
FAILED = f'{CLASS}="5xx"'
BROKEN = f'{ERROR}="{INCOMPLETE_RESPONSE}"'
ALL = 'le="+Inf"'
GOOD = f'{STATUS}!~"5..",{ERROR}!~"{UNCOUNTED}|{INCOMPLETE_RESPONSE}"'
DURATION = "http_server_request_duration_seconds"
START = "fastapi_time_to_first_byte_seconds"
STARTED = f"{START}_count"


def requests(context: RuleContext) -> Iterator[Rule]:
    """Rates of every service: by route, status and bucket, and by instance."""
    yield from _counts(context)
    yield from _times(context)
    yield from _instances(context)
    yield from versions.recording(context)
    if any(one.kind == "latency" for one in context.service.objectives):
        each = f"sum by (<by>, {METHOD}, {ROUTE})"
        yield _rule(
            names.EVENTS, context.render(f"{each} ({_rate('fastapi_event_streams_total')})")
        )
        yield _rule(
            names.STARTS, context.render(f"sum by (<by>, {METHOD}, {ROUTE}) ({_rate(STARTED)})")
        )
        yield _rule(names.STARTS_LE, _buckets(context, START, ""))


def _counts(context: RuleContext) -> Iterator[Rule]:
    by, own = context.by, context.matchers()
    each = f"{METHOD}, {ROUTE}"
    classed = f'label_replace(<status>, "{CLASS}", "${{1}}xx", "{STATUS}", "([1-5])..")'
    classed = classed.replace("<status>", names.ROUTE_STATUS + own)
    status = f"sum by (<by>, {each}, {STATUS}, {ERROR}) ({_rate(f'{DURATION}_count')})"
    yield _rule(names.ROUTE_STATUS, context.render(status))
    yield _rule(names.ROUTE_CLASS, f"sum by ({by}, {each}, {CLASS}, {ERROR}) ({classed})")
    yield _rule(names.ROUTE, f"sum by ({by}, {each}) ({names.ROUTE_CLASS}{own})")
    yield _rule(names.SERVICE_CLASS, f"sum by ({by}, {CLASS}) ({names.ROUTE_CLASS}{own})")
    yield _rule(names.SERVICE, f"sum by ({by}) ({names.ROUTE}{own})")


def _times(context: RuleContext) -> Iterator[Rule]:
    each = f"sum by (<by>, {METHOD}, {ROUTE})"
    yield _rule(names.ROUTE_LE, _buckets(context, DURATION, GOOD))
    yield _rule(
        names.SERVICE_LE, f"sum by ({context.by}, le) ({names.ROUTE_LE}{context.matchers()})"
    )
    time = f"sum by (<by>, {METHOD}, {ROUTE}, {STATUS}, {ERROR}) ({_rate(f'{DURATION}_sum')})"
    yield _rule(names.STATUS_TIME, context.render(time))
    route_time = f"{each} ({names.STATUS_TIME}{context.matchers()})"
    yield _rule(names.ROUTE_TIME, context.render(route_time))
    waited = f"{each} ({_rate('fastapi_request_queue_seconds_sum')})"
    yield _rule(names.ROUTE_WAITED, context.render(waited))
    slow = f"{each} ({_rate('fastapi_slow_requests_total')})"
    yield _rule(names.ROUTE_SLOW, context.render(slow))
    least = f"min by (<by>, {METHOD}, {ROUTE}) (fastapi_slow_request_threshold_seconds{{<sel>}})"
    yield _rule(names.ROUTE_SLOW_FROM, context.render(least))


def _instances(context: RuleContext) -> Iterator[Rule]:
    """Separate from the rates by route, so that no rule has routes times instances."""
    for name, series, by in (
        (names.INSTANCE_STATUS, f"{DURATION}_count", f", {STATUS}"),
        (names.INSTANCE_TIME, f"{DURATION}_sum", ""),
    ):
        yield _rule(name, context.render(f"sum by (<by>, instance{by}) ({_rate(series)})"))


def objectives(context: RuleContext) -> Iterator[Rule]:
    """For each objective: rates of requests and bad requests, its share, budget and window."""
    for one in context.service.objectives:
        total = names.TOTAL_RATE + context.matchers(matchers(one))
        if one.kind == "availability":
            requests = f"sum by ({context.by}) ({_of(context, one, (names.ROUTE_CLASS, COUNTED))})"
            bad = f"{bad_of(context, one, context.by)} or on ({context.by}) 0 * {total}"
        else:
            requests, fast = good_and_fast(context, one, context.by)
            bad = f"clamp_min({requests} - {fast}, 0)"
        yield _rule(names.TOTAL_RATE, requests, **labels(one))
        yield _rule(names.BAD_RATE, bad, **labels(one))
        yield _rule(names.OBJECTIVE, f"0 * {total} + {plain(one.share)}", **labels(one))
        yield _rule(names.BUDGET, f"0 * {total} + {plain(one.budget)}", **labels(one))
        if one.seconds is not None:
            yield _rule(names.SECONDS, f"0 * {total} + {plain(one.seconds)}", **labels(one))
    length = seconds(context.service.window, context.scale)
    yield _rule(names.WINDOW, f"0 * {names.BUDGET}{context.matchers()} + {length}")
    yield _rule(names.ratio(BASE), _ratio(context, names.BAD_RATE, names.TOTAL_RATE))


def window(context: RuleContext, length: str) -> Iterator[Rule]:
    """One window of all objectives: requests, bad requests, and their ratio.

    The sum of a rate that is recorded every interval, times the interval, is a number of requests.
    """
    step = seconds(INTERVAL, context.scale)
    for rate, name in ((names.TOTAL_RATE, names.total), (names.BAD_RATE, names.bad)):
        summed = f"sum_over_time({rate}{context.matchers()}[{context.duration(length)}])"
        yield _rule(name(length), f"{summed} * {step}")
    yield _rule(names.ratio(length), _ratio(context, names.bad(length), names.total(length)))


def budget(context: RuleContext) -> Iterator[Rule]:
    """What is left of each error budget: 1 is all of it, and below 0 it is overspent."""
    own = context.matchers()
    spent = f"{names.ratio(context.service.window)}{own} / {names.BUDGET}{own}"
    yield _rule(names.BUDGET_LEFT, f"1 - {spent}")


def means(context: RuleContext) -> Iterator[Rule]:
    """Mean durations of dependencies and upstream services, which alerts compare over time."""
    for name, family, by in (
        (names.DEPENDENCY, "fastapi_dependency_duration_seconds", "dependency, step"),
        (names.UPSTREAM, "http_client_request_duration_seconds", f"{SERVER}, {PORT}"),
    ):
        total, count = (
            f"sum by (<by>, {by}) (rate({family}_{part}{{<sel>}}[<{BASE}>]))"
            for part in ("sum", "count")
        )
        yield _rule(name, context.render(f"{total} / ({count} > 0)"))


def good_and_fast(context: RuleContext, objective: Objective, by: str) -> tuple[str, str]:
    """Rates of good responses, and of those within the latency, summed ``by`` these labels.

    Both are buckets of one recorded series, so they are of one evaluation also where a rule finds
    what another recorded only later, as in vmalert. Else their difference would be the traffic's.
    """
    assert objective.seconds is not None  # noqa: S101 for mypy: a latency has seconds
    within = le(plain(objective.seconds))
    good, fast = (_of_bucket(context, objective, bucket) for bucket in (ALL, within))
    return f"sum by ({by}) ({good})", f"sum by ({by}) ({fast})"


def _of_bucket(context: RuleContext, objective: Objective, bucket: str) -> str:
    """A bucket of what the objective measures: durations, or times to the first byte."""
    starts = _of(context, objective, (names.STARTS_LE, bucket))
    if objective.first_byte and objective.route:
        return starts
    kind = names.STARTS if objective.first_byte else names.EVENTS
    streams = f"on ({context.by}, {METHOD}, {ROUTE}) {kind}{context.matchers()}"
    also = "" if objective.first_byte else f" and {streams}"
    durations = _of(context, objective, (names.ROUTE_LE, bucket))
    return f"{durations} unless {streams} or {_grouped(starts, also)}"


def _grouped(series: str, also: str) -> str:
    return f"({series}){also}" if also else series


def le(bound: str) -> str:
    """The matcher of a bucket, in each spelling that Prometheus may have stored: 1 and 1.0."""
    whole = "" if "." in bound else "(\\\\.0)?"
    return f'le=~"{escaped(literal(bound))}{whole}"'


def bad_of(context: RuleContext, objective: Objective, by: str) -> str:
    """The rate of requests that are bad for availability."""
    parts = ((names.ROUTE_CLASS, f"{COUNTED},{FAILED}"), (names.ROUTE_CLASS, BROKEN))
    return f"sum by ({by}) ({_of(context, objective, *parts)})"


def _of(context: RuleContext, objective: Objective, *parts: tuple[str, str]) -> str:
    """Series of the objective's route, or of all routes that are not excluded."""
    if objective.route:
        route = objective.route.matchers
        return " or ".join(name + context.matchers(route, more) for name, more in parts)
    series = " or ".join(name + context.matchers(more) for name, more in parts)
    excluded = context.service.exclude
    if objective.kind == "latency":
        excluded = (*excluded, *context.service.streams)
    name = parts[0][0]
    unless = "".join(f" unless {name}{context.matchers(one.matchers)}" for one in excluded)
    return f"({series}){unless}" if unless and len(parts) > 1 else series + unless


def _rate(series: str) -> str:
    return f"rate({series}{{<sel>}}[<{BASE}>])"


def _buckets(context: RuleContext, family: str, more: str) -> str:
    text = f"{{{more}<,sel>}}" if more else "{<sel>}"
    rate = f"rate({family}_bucket{text}[<{BASE}>])"
    return context.render(f"sum by (<by>, {METHOD}, {ROUTE}, le) ({rate})")


def _ratio(context: RuleContext, bad: str, total: str) -> str:
    own = context.matchers()
    return f"{bad}{own} / ({total}{own} > 0)"


def _rule(record: str, expr: str, **labels: str) -> Rule:
    return {"record": record, "expr": expr, **({"labels": labels} if labels else {})}
