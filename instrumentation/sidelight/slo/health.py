"""The alerts that are no burn: what is wrong with the service, its workers and what it needs.

Each has a floor, so that a single event or an idle service never fires it. Only what users feel
now, whatever the hour, is critical; the rest is read the next morning, or beside a page.
"""

from sidelight.slo.alert import Alert

# An increase that sees the first event too: of a counter that was born within the range, while
# its target was scraped before, all it counts is new.
_NEW = (
    "(({0} unless {0} offset <15m>) and on (<by>, instance)"
    " (sidelight_build_info<{{sel}}> offset <15m>)) or increase({0}[<15m>])"
)


def _counted(series: str) -> str:
    return _NEW.format(series)


ALERTS: tuple[Alert, ...] = (
    Alert(
        name="TargetsDown",
        meaning="No target of the service answers Prometheus.",
        severity="critical",
        hold="5m",
        expr="TODO",
        summary="",
        description="",
        do="",
    ),
)

NAMES = {
    "AvailabilityBudgetBurnsFast": "Errors spend the availability budget so fast that it is gone within days.",
    "AvailabilityBudgetBurnsSlowly": "Errors spend the availability budget faster than it lasts.",
    "LatencyBudgetBurnsFast": "Slow responses spend the latency budget so fast that it is gone within days.",
    "LatencyBudgetBurnsSlowly": "Slow responses spend the latency budget faster than it lasts.",
    "ErrorBudgetExhausted": "The window's error budget of an objective is spent.",
    "FewRequestsMostFail": "Too few requests for a burn alert, and most of them fail.",
    "TargetsDown": "Targets don't answer Prometheus (critical: none does; warning: some).",
    "ServiceVanished": "Prometheus knows no target of the service any more.",
    "TargetNotInstrumented": "A target answers, and shows nothing of Sidelight's.",
    "TrafficStopped": "Steady traffic stopped while targets answer.",
    "EventLoopBlocked": "A route holds the event loop.",
    "ValidationErrorsJumped": "A route refuses far more requests as invalid than before.",
    "DependencySlow": "A dependency marked with @timed takes far longer than it used to.",
    "NeighbourSlow": "A server that the service calls takes far longer than it used to.",
    "ThreadPoolSaturated": "Synchronous endpoints wait for a thread of a worker.",
    "ConnectionPoolExhausted": "Calls wait for a connection of a pool.",
    "WorkerBlocked": "A worker's event loop stands still (critical: of all workers; warning: of one).",
    "RequestsStuck": "A request of a route has been in flight for minutes.",
    "FileDescriptorsLow": "A worker has used most file descriptors it may open.",
    "RestartLoop": "Workers die again and again.",
    "MemoryNearsLimit": "Memory climbs towards the limit of the control group.",
    "SeriesOverflow": "Label sets are past the cap, and counted under the route _OTHER.",
    "SidelightErrors": "Faults inside Sidelight: numbers may be missing.",
    "OtlpExportFailing": "Exports to the OpenTelemetry collector fail.",
}
