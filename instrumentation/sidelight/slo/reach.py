"""Alerts about whether anybody is asked and answers: targets, workers, requests that hang."""

from typing import Final

from sidelight.slo import names
from sidelight.slo.alert import ROUTE, WORKER, Alert

# Steady: at each minute of half an hour. A series that is younger proves nothing.
_STOPPED = (
    f"(max_over_time((min_over_time({names.SERVICE}{{<own>}}[<30m>])"
    f" and {names.SERVICE}{{<own>}} offset <30m>)[<2h>:<5m>]) > 1"
    f" unless {names.SERVICE}{{<own>}} > 0)"
    " and on (<by>) sum by (<by>) (sidelight_workers{<sel>}) > 0"
)
_STUCK = (
    "max by (<by>, http_route) (fastapi_oldest_active_request_seconds{<sel>}<left>) > 300"
    " unless on (<by>, http_route) fastapi_time_to_first_byte_seconds_count{<sel>}"
)

ALERTS: Final = (
    Alert(
        name="TargetsDown",
        severity="critical",
        hold="2m",
        expr="(count by (<by>) (up{<sel>} == 0) == count by (<by>) (up{<sel>})<known>)"
        " or sum by (<by>) (sidelight_workers{<sel>}) == 0",
        summary="<service> is down",
        description="No target of <service> answers Prometheus, or those that answer have no "
        "worker left. Nobody is served, or nobody can tell.",
        do="send the service a request yourself; if it answers, mend the scrape, else start it.",
        board="telemetry-health",
    ),
    Alert(
        name="TargetsDown",
        severity="warning",
        hold="10m",
        expr="(count by (<by>) (up{<sel>} == 0) < count by (<by>) (up{<sel>}))<known>",
        summary="{{ $value }} of <service>'s targets are down",
        description="{{ $value }} targets of <service> have not answered Prometheus for <10m>; "
        "others do.",
        do="open Prometheus's page of targets: it shows which, and the error.",
        board="telemetry-health",
    ),
    Alert(
        name="ServiceVanished",
        severity="critical",
        hold="5m",
        of="named",
        expr="absent(up{<sel>}) unless on () sidelight_workers{<sel>}",
        summary="<service> has vanished from Prometheus",
        description="Prometheus knows no target of <service>: it was scaled to nothing, or "
        "discovery lost it. No other alert about it can speak.",
        do="see whether the service runs; if so, look for it in Prometheus's service discovery.",
        board="telemetry-health",
    ),
    Alert(
        name="ServiceVanished",
        severity="warning",
        hold="5m",
        of="unnamed",
        expr="group by (<by>) (last_over_time(sidelight_workers{<sel>}[<1d>]))"
        " unless on (<by>) (up{<sel>} or sidelight_workers{<sel>})",
        summary="<service> has vanished from Prometheus",
        description="Prometheus knew targets of <service> within the last <1d>, and knows none "
        "now: it was removed, scaled to nothing, or discovery lost it.",
        do="see whether it was meant to go; if not, whether the service runs.",
        board="telemetry-health",
    ),
    Alert(
        name="TargetNotInstrumented",
        severity="warning",
        hold="15m",
        expr="up{<sel>} == 1 unless on (<by>, instance) sidelight_workers{<sel>}<known>",
        summary="{{ $labels.instance }} of <service> shows nothing of Sidelight's",
        description="{{ $labels.instance }} answers Prometheus, but its page has no metric of "
        "Sidelight's: its requests are in no figure and in no alert.",
        do="run `sidelight doctor MODULE:APP` there; it says what is missing.",
        board="telemetry-health",
        opens=("instance",),
    ),
    Alert(
        name="TrafficStopped",
        severity="critical",
        hold="5m",
        expr=f"{_STOPPED} unless on (<by>) ({_STUCK})",
        summary="<service> gets no requests any more",
        description="<service> runs and is asked nothing, after steady traffic of at least "
        "{{ $value | humanize }} requests a second for <30m> within the last <2h>.",
        do="send a request the way users do; look at what stands before the service: DNS, "
        "certificate, load balancer, the last release of its clients.",
    ),
    Alert(
        name="WorkerBlocked",
        severity="critical",
        hold="1m",
        expr="min by (<by>) (sidelight_worker_heartbeat_age_seconds{<sel>}) > 10",
        summary="Every worker of <service> is blocked",
        description="No event loop of <service> has run for {{ $value | humanizeDuration }}. "
        "Nobody gets an answer.",
        do="see which route the requests in flight wait in "
        "(fastapi_oldest_active_request_seconds), then restart the service.",
        board="runtime",
    ),
    Alert(
        name="WorkerBlocked",
        severity="warning",
        hold="30s",
        expr="max by (<by>, instance, worker) (sidelight_worker_heartbeat_age_seconds{<sel>}) > 10",
        summary=f"<service>: {WORKER} is blocked",
        description=f"The event loop of {WORKER} has not run for "
        "{{ $value | humanizeDuration }}. Its requests hang, and new ones still reach it.",
        do="see which route its requests wait in (fastapi_oldest_active_request_seconds); "
        "`py-spy dump` shows the line; then end that worker.",
        board="runtime",
        opens=("instance",),
    ),
    Alert(
        name="RequestsStuck",
        severity="critical",
        hold="5m",
        expr=f"{_STOPPED} and on (<by>) ({_STUCK})",
        summary="<service> finishes no request any more",
        description="Requests of <service> hang and none ends, after steady traffic of at least "
        "{{ $value | humanize }} requests a second for <30m> within the last <2h>. Nobody gets "
        "an answer.",
        do="see which route they wait in (fastapi_oldest_active_request_seconds), and for what: "
        "a lock, a pool, a call without a timeout.",
    ),
    Alert(
        name="RequestsStuck",
        severity="warning",
        hold="1m",
        expr=_STUCK,
        summary=f"A request to {ROUTE} of <service> is stuck",
        description=f"The oldest request to {ROUTE} has been in flight for "
        "{{ $value | humanizeDuration }}. It counts in no figure of latency or errors until it "
        "ends.",
        do="see what it waits for: a lock, a pool, a call without a timeout. A route that is "
        "meant to last belongs into slo.exclude.",
        board="route",
        opens=("http_route",),
    ),
)
