"""Its instances: how far they are apart."""

from dashboards import frame
from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import over, rate, raw, total
from dashboards.service.parts import band
from sidelight.slo import names

EACH = total(raw(names.INSTANCE_STATUS), "job", "instance")
BAD = total(raw(names.INSTANCE_STATUS, 'http_response_status_code=~"5.."'), "job", "instance")
CPU = total(rate("process_cpu_seconds_total"), "job", "instance")
TIME = over(total(raw(names.INSTANCE_TIME), "job", "instance"), EACH)
FAR = f"abs(({TIME}) - scalar(quantile(0.5, {TIME})))"
KEEP = f"and on (job, instance) topk(20, {FAR})"
TO = frame.to(
    "runtime", "var-job=${__data.fields.Service}", "var-instance=${__data.fields.Instance}"
)


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(7, [_requests_an_instance(), _mean_latency_an_instance()]),
        Line(9, [_instances_that_differ_most()]),
    ]


def _requests_an_instance() -> Shown:
    return graph(
        "Requests an instance",
        "Whether the load is shared evenly.",
        "reqps",
        band(EACH, recorded=True),
    )


def _mean_latency_an_instance() -> Shown:
    return graph(
        "Mean latency an instance",
        "A wide band: some instances are slower than others.",
        "s",
        band(TIME, recorded=True),
    )


def _instances_that_differ_most() -> Shown:
    return rows(
        "Instances that differ most",
        "The 20 whose mean latency is farthest from the median of all.",
        [Key("job", "Service"), Key("instance", "Instance", TO)],
        [
            Column(f"topk(20, {FAR})", "Off the median", "s"),
            Column(f"{TIME} {KEEP}", "Mean latency", "s"),
            Column(f"{EACH} {KEEP}", "Requests/s", "reqps"),
            Column(
                f"{over(f'({BAD} or 0 * {EACH})', EACH)} {KEEP}",
                "5xx",
                "percentunit",
                ((None, colours.PLAIN), (0.01, colours.BAD)),
            ),
            Column(f"{CPU} {KEEP}", "Cores", "short", decimals=2),
        ],
        sort="Off the median",
        empty=silence.NONE_SO_FAR,
    )
