"""Recording rules. Raw series are read once, over 5 minutes; all other rules are sums of those."""

from collections.abc import Iterator

from sidelight import histogram_queries
from sidelight.contract import ERROR, INCOMPLETE_RESPONSE, METHOD, PORT, ROUTE, SERVER, STATUS
from sidelight.histogram_queries import DURATION, FIRST_BYTE
from sidelight.slo import latency_rates, names, versions
from sidelight.slo.context import Rule, RuleContext, labels, matchers
from sidelight.slo.latency_rates import GOOD, UNCOUNTED
from sidelight.slo.objectives import Objective
from sidelight.slo.windows import BASE, INTERVAL, plain, seconds

CLASS = "status_class"
COUNTED = f'{ERROR}!~"{UNCOUNTED}"'
FAILED = f'{CLASS}="5xx"'
BROKEN = f'{ERROR}="{INCOMPLETE_RESPONSE}"'


def requests(context: RuleContext) -> Iterator[Rule]:
    """Rates of every service: by route, status and bucket, and by instance."""
    yield from _counts(context)
    yield from _durations(context)
    yield from _times(context)
    yield from _instances(context)
    yield from versions.recording(context)
    if any(one.kind == "latency" for one in context.service.objectives):
        each = f"sum by (<by>, {METHOD}, {ROUTE})"
        yield _rule(
            names.EVENTS, context.render(f"{each} ({_rate('fastapi_event_streams_total')})")
        )
        yield _rule(
            names.STARTS, context.render(f"{each} ({histogram_queries.count(FIRST_BYTE, '<sel>')})")
        )


def _counts(context: RuleContext) -> Iterator[Rule]:
    by, own = context.by, context.matchers()
    each = f"{METHOD}, {ROUTE}"
    classed = f'label_replace(<status>, "{CLASS}", "${{1}}xx", "{STATUS}", "([1-5])..")'
    classed = classed.replace("<status>", names.ROUTE_STATUS + own)
    requests = histogram_queries.count(DURATION, "<sel>")
    status = f"sum by (<by>, {each}, {STATUS}, {ERROR}) ({requests})"
    yield _rule(names.ROUTE_STATUS, context.render(status))
    yield _rule(names.ROUTE_CLASS, f"sum by ({by}, {each}, {CLASS}, {ERROR}) ({classed})")
    yield _rule(names.ROUTE, f"sum by ({by}, {each}) ({names.ROUTE_CLASS}{own})")
    yield _rule(names.SERVICE_CLASS, f"sum by ({by}, {CLASS}) ({names.ROUTE_CLASS}{own})")
    yield _rule(names.SERVICE, f"sum by ({by}) ({names.ROUTE}{own})")


def _durations(context: RuleContext) -> Iterator[Rule]:
    """Good responses for quantiles: classic buckets, and native histograms, where they are."""
    kinds = [("_bucket", ", le", names.ROUTE_LE, names.SERVICE_LE)]
    if context.native:
        kinds += [("", "", names.ROUTE_DURATIONS, names.SERVICE_DURATIONS)]
    for suffix, le, route, service in kinds:
        rates = f"rate({DURATION}{suffix}{{{GOOD}<,sel>}}[<{BASE}>])"
        yield _rule(route, context.render(f"sum by (<by>, {METHOD}, {ROUTE}{le}) ({rates})"))
        yield _rule(service, f"sum by ({context.by}{le}) ({route}{context.matchers()})")


def _times(context: RuleContext) -> Iterator[Rule]:
    each = f"sum by (<by>, {METHOD}, {ROUTE})"
    sums = histogram_queries.total(DURATION, "<sel>")
    time = f"sum by (<by>, {METHOD}, {ROUTE}, {STATUS}, {ERROR}) ({sums})"
    yield _rule(names.STATUS_TIME, context.render(time))
    route_time = f"{each} ({names.STATUS_TIME}{context.matchers()})"
    yield _rule(names.ROUTE_TIME, context.render(route_time))
    waited = f"{each} ({histogram_queries.total('fastapi_request_queue_seconds', '<sel>')})"
    yield _rule(names.ROUTE_WAITED, context.render(waited))
    slow = f"{each} ({_rate('fastapi_slow_requests_total')})"
    yield _rule(names.ROUTE_SLOW, context.render(slow))
    least = f"min by (<by>, {METHOD}, {ROUTE}) (fastapi_slow_request_threshold_seconds{{<sel>}})"
    yield _rule(names.ROUTE_SLOW_FROM, context.render(least))


def _instances(context: RuleContext) -> Iterator[Rule]:
    """Separate from the rates by route, so that no rule has routes times instances."""
    for name, part, by in (
        (names.INSTANCE_STATUS, histogram_queries.count, f", {STATUS}"),
        (names.INSTANCE_TIME, histogram_queries.total, ""),
    ):
        rates = part(DURATION, "<sel>")
        yield _rule(name, context.render(f"sum by (<by>, instance{by}) ({rates})"))


def objectives(context: RuleContext) -> Iterator[Rule]:
    """For each objective: rates of requests and bad requests, its share, budget and window."""
    for one in context.service.objectives:
        total = names.TOTAL_RATE + context.matchers(matchers(one))
        if one.kind == "latency":
            over = latency_rates.over(context, one)
            scope = latency_rates.scope(one)
            yield _rule(names.ROUTE_OVER, over, **labels(one), objective=scope)
        bad = f"{bad_of(context, one, context.by)} or on ({context.by}) 0 * {total}"
        yield _rule(names.TOTAL_RATE, _counted(context, one), **labels(one))
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
            f"sum by (<by>, {by}) ({part(family, '<sel>')})"
            for part in (histogram_queries.total, histogram_queries.count)
        )
        yield _rule(name, context.render(f"{total} / ({count} > 0)"))


def _counted(context: RuleContext, objective: Objective) -> str:
    """The rate of requests that the objective counts."""
    if objective.kind == "availability":
        found = _of(context, objective, (names.ROUTE_CLASS, COUNTED))
    else:
        series = (names.STARTS, ""), (names.ROUTE_STATUS, GOOD)
        parts = (_of(context, objective, one) for one in series)
        found = latency_rates.by_first_byte(context, objective, *parts)
    return f"sum by ({context.by}) ({found})"


def bad_of(context: RuleContext, objective: Objective, by: str) -> str:
    """The rate of requests that are bad for the objective, summed ``by`` these labels."""
    if objective.kind == "latency":
        scope = f'objective="{latency_rates.scope(objective)}"'
        over = _of(context, objective, (names.ROUTE_OVER, scope))
        return f"clamp_min(sum by ({by}) ({over}), 0)"
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


def _ratio(context: RuleContext, bad: str, total: str) -> str:
    own = context.matchers()
    return f"{bad}{own} / ({total}{own} > 0)"


def _rule(record: str, expr: str, **labels: str) -> Rule:
    return {"record": record, "expr": expr, **({"labels": labels} if labels else {})}
