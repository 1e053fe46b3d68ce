"""What users feel, over time."""

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.graphs import density, graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import error_ratio, quantile, total, traces
from dashboards.promql import recorded as of
from dashboards.service.parts import WHOLE
from sidelight.slo import names
from sidelight.slo.recording import CLASS

AVAILABLE = 'slo="availability"'
QUICK = 'slo="latency"'
BY_BUCKET = total(of(names.SERVICE_LE), "le")
BUDGET = f"min({of(names.BUDGET, WHOLE, AVAILABLE)})"
SLOW_BUDGET = f"min({of(names.BUDGET, WHOLE, QUICK)})"
SLOW = f"max({of(names.ratio('5m'), WHOLE, QUICK)})"
SECONDS = f"min({of(names.SECONDS, WHOLE, QUICK)})"


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(8, [_requests_by_status(), _errors(), _slower_than_the_latency_objective()]),
        Line(9, [_latency(), _how_latencies_are_spread()]),
    ]


def _requests_by_status() -> Shown:
    return graph(
        "Requests by status",
        f"Requests a second by class of status. 4xx is the client's doing. {silence.ALL_INSTANCES}",
        "reqps",
        [Query(total(of(names.SERVICE_CLASS), CLASS), "{{status_class}}", recorded=True)],
        colours=colours.CLASSES,
        stacked=True,
    )


def _errors() -> Shown:
    return graph(
        "Errors",
        "Failed requests per request, against what the availability objective allows.",
        "percentunit",
        [
            Query(error_ratio(), "errors", recorded=True),
            Query(BUDGET, "Limit: objective", recorded=True),
        ],
        colours={"errors": colours.BAD},
    )


def _slower_than_the_latency_objective() -> Shown:
    return graph(
        "Slower than the latency objective",
        "Good responses that took longer than the objective's latency, against what it allows.",
        "percentunit",
        [
            Query(SLOW, "too slow", recorded=True),
            Query(SLOW_BUDGET, "Limit: objective", recorded=True),
        ],
        empty="No traffic, or no latency objective: see Objectives",
        colours={"too slow": colours.WARN},
    )


def _latency() -> Shown:
    return graph(
        "Latency",
        "Good responses, from arrival to the last byte, against the latency objective, where "
        "there is one; points are traces. The last query asks for traces only, and for no "
        "samples: it looks ten years back.",
        "s",
        [
            *(
                Query(quantile(f"0.{name[1:]}", BY_BUCKET), name, recorded=True)
                for name in colours.QUANTILES
            ),
            Query(SECONDS, "Limit: objective", recorded=True),
            Query(traces(), "traces", exemplar=True),
        ],
        colours=colours.QUANTILES,
    )


def _how_latencies_are_spread() -> Shown:
    return density(
        "How latencies are spread",
        "Good responses a second in each bucket: two bands are two kinds of request.",
        Query(BY_BUCKET, "{{le}}", recorded=True),
        empty=silence.NO_RULES,
    )
