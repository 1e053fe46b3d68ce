"""Alerts on whether a service can be reached and answers: targets, workers, stuck requests."""

from typing import Final

from sidelight import histogram_queries
from sidelight.histogram_queries import FIRST_BYTE
from sidelight.slo import names
from sidelight.slo.alerts import ROUTE, WORKER, AlertDefinition

# Steady traffic: at each minute of half an hour. A series younger than that is not enough.
_STOPPED = (
    f"(max_over_time((min_over_time({names.SERVICE}{{<recorded>}}[<30m>])"
    f" and {names.SERVICE}{{<recorded>}} offset <30m>)[<2h>:<5m>]) > 1"
    f" unless {names.SERVICE}{{<recorded>}} > 0)"
    " and on (<by>) sum by (<by>) (sidelight_workers{<sel>}) > 0"
)
_STUCK = (
    "max by (<by>, http_route) (fastapi_oldest_active_request_seconds{<sel>}<unless_long>) > 300"
    f" unless on (<by>, http_route) ({histogram_queries.since_start(FIRST_BYTE, '<sel>')})"
)

ALERTS: Final = (
    AlertDefinition(
        name="TargetsDown",
        severity="critical",
        hold="2m",
        expr="(count by (<by>) (up{<sel>} == 0) == count by (<by>) (up{<sel>})<if_measured>)"
        " or sum by (<by>) (sidelight_workers{<sel>}) == 0",
        summary="<service> is down",
        description="No target of <service> answers Prometheus, or those that answer have no "
        "worker left. Either the service answers no requests, or it is not monitored.",
        action="send the service a request yourself. If it answers, repair the scrape; if not, "
        "start the service.",
        dashboard="telemetry-health",
    ),
    AlertDefinition(
        name="TargetsDown",
        severity="warning",
        hold="10m",
        expr="(count by (<by>) (up{<sel>} == 0) < count by (<by>) (up{<sel>}))<if_measured>",
        summary="{{ $value }} targets of <service> are down",
        description="{{ $value }} targets of <service> have not answered Prometheus for <10m>. "
        "Other targets answer.",
        action="open the page of targets in Prometheus: it shows which targets, and the error.",
        dashboard="telemetry-health",
    ),
    AlertDefinition(
        name="ServiceVanished",
        severity="critical",
        hold="5m",
        applies_to="one service",
        expr="absent(up{<sel>}) unless on () sidelight_workers{<sel>}",
        summary="<service> has vanished from Prometheus",
        description="Prometheus has no target of <service>: the service was scaled to zero, or "
        "service discovery no longer finds it. No other alert about it can fire.",
        action="see whether the service runs. If it does, look for it in the service discovery of "
        "Prometheus.",
        dashboard="telemetry-health",
    ),
    AlertDefinition(
        name="ServiceVanished",
        severity="warning",
        hold="5m",
        applies_to="every job",
        expr="group by (<by>) (last_over_time(sidelight_workers{<sel>}[<1d>]))"
        " unless on (<by>) (up{<sel>} or sidelight_workers{<sel>})",
        summary="<service> has vanished from Prometheus",
        description="Prometheus had targets of <service> within the last <1d>, and has none now: "
        "the service was removed or scaled to zero, or service discovery no longer finds it.",
        action="see whether the service was removed on purpose. If not, see whether it runs.",
        dashboard="telemetry-health",
    ),
    AlertDefinition(
        name="TargetNotInstrumented",
        severity="warning",
        hold="15m",
        expr="up{<sel>} == 1 unless on (<by>, instance) sidelight_workers{<sel>}<if_measured>",
        summary="{{ $labels.instance }} of <service> has no metrics of Sidelight",
        description="{{ $labels.instance }} answers Prometheus, but its /metrics has no metric of "
        "Sidelight: its requests are in no panel and in no alert.",
        action="run `sidelight doctor MODULE:APP` there; it says what is missing.",
        dashboard="telemetry-health",
        opens=("instance",),
    ),
    AlertDefinition(
        name="TrafficStopped",
        severity="critical",
        hold="5m",
        expr=f"{_STOPPED} unless on (<by>) ({_STUCK})",
        summary="<service> no longer receives requests",
        description="<service> runs and receives no requests, after a steady traffic of at least "
        "{{ $value | humanize }} requests per second for <30m> within the last <2h>.",
        action="send a request the way users do, and look at what is in front of the service: "
        "DNS, the certificate, the load balancer, the last release of its clients.",
    ),
    AlertDefinition(
        name="WorkerBlocked",
        severity="critical",
        hold="1m",
        expr="min by (<by>) (sidelight_worker_heartbeat_age_seconds{<sel>}) > 10",
        summary="Every worker of <service> is blocked",
        description="No event loop of <service> has run for {{ $value | humanizeDuration }}. "
        "The service answers no requests.",
        action="see on which route the requests in flight wait "
        "(fastapi_oldest_active_request_seconds), then restart the service.",
        dashboard="runtime",
    ),
    AlertDefinition(
        name="WorkerBlocked",
        severity="warning",
        hold="30s",
        expr="max by (<by>, instance, worker) (sidelight_worker_heartbeat_age_seconds{<sel>}) > 10",
        summary=f"<service>: {WORKER} is blocked",
        description=f"The event loop of {WORKER} has not run for "
        "{{ $value | humanizeDuration }}. Its requests wait, and it still receives new ones.",
        action="see on which route its requests wait (fastapi_oldest_active_request_seconds). "
        "`py-spy dump` shows the line of code. Then stop that worker.",
        dashboard="runtime",
        opens=("instance",),
    ),
    AlertDefinition(
        name="RequestsStuck",
        severity="critical",
        hold="5m",
        expr=f"{_STOPPED} and on (<by>) ({_STUCK})",
        summary="<service> no longer completes requests",
        description="Requests of <service> are stuck and none completes, after a steady traffic of "
        "at least {{ $value | humanize }} requests per second for <30m> within the last <2h>. The "
        "service answers no requests.",
        action="see on which route they wait (fastapi_oldest_active_request_seconds), and for "
        "what: a lock, a pool, a call without a timeout.",
    ),
    AlertDefinition(
        name="RequestsStuck",
        severity="warning",
        hold="1m",
        expr=_STUCK,
        summary=f"A request to {ROUTE} of <service> is stuck",
        description=f"The oldest request to {ROUTE} has been in flight for "
        "{{ $value | humanizeDuration }}. It is in no metric of latency or errors until it "
        "completes.",
        action="see what it waits for: a lock, a pool, a call without a timeout. If requests to "
        "the route are long on purpose, add the route to slo.exclude.",
        dashboard="route",
        opens=("http_route",),
    ),
)
