"""The faults of the drill with one instance, in order: what one leaves behind meets the next."""

from collections.abc import Mapping

from tests.drill import of_processes, of_resources, of_routes
from tests.drill.fault import Fault, of_instance
from tests.drill.of_resources import POOL, STOCK
from tests.drill.of_routes import DELIVERIES, IMAGES, PLACE
from tests.drill.stack import MEMORY_LIMIT, Stack


def _of_pool(stack: Stack) -> Mapping[str, str]:
    return {**of_instance(stack), **POOL}


def _of_upstream(_: Stack) -> Mapping[str, str]:
    return {"server_address": "127.0.0.1"}


FAULTS = (
    Fault(
        claim="errors on one route",
        alert="AvailabilityErrorBudgetBurn",
        pages=True,
        during=of_routes.errors,
        kind="errors",
        route="/search",
        exception="SearchError",
    ),
    Fault(
        claim="latency on one route",
        alert="LatencyErrorBudgetBurn",
        pages=True,
        during=of_routes.latency,
        kind="wait",
        route="/checkout",
        function="checkout",
    ),
    Fault(
        claim="blocked loop",
        alert="EventLoopBlocked",
        during=of_routes.blocked,
        kind="event_loop",
        route=IMAGES,
        function="image",
    ),
    Fault(
        claim="clients of a held loop",
        alert="LatencyErrorBudgetBurn",
        pages=True,
        during=of_routes.victims,
        kind="event_loop",
        route=IMAGES,
        function="image",
    ),
    Fault(
        claim="thread pool exhausted",
        alert="ThreadPoolSaturated",
        during=of_resources.threads,
        kind="thread_pool",
        route="/report",
        function="report",
        labels=of_instance,
    ),
    Fault(
        claim="connection pool exhausted",
        alert="ConnectionPoolExhausted",
        during=of_resources.connections,
        kind="connection_pool",
        route=STOCK,
        labels=_of_pool,
    ),
    Fault(
        claim="an upstream that fails",
        alert="HTTPClientErrors",
        during=of_resources.failing_upstream,
        kind="upstream_errors",
        route="/prices",
        labels=_of_upstream,
    ),
    Fault(
        claim="a slow upstream",
        alert="HTTPClientSlow",
        during=of_resources.slow_upstream,
        kind="upstream_slow",
        route="/prices",
        labels=_of_upstream,
    ),
    Fault(
        claim="broken telemetry",
        alert="SidelightErrors",
        during=of_processes.telemetry,
        kind="telemetry",
        labels=of_instance,
    ),
    Fault(
        claim="a worker killed again and again",
        alert="RestartLoop",
        during=of_processes.killed,
        kind="restarts",
        labels=of_instance,
    ),
    Fault(
        claim="memory that grows",
        alert="MemoryNearsLimit",
        during=of_resources.memory,
        kind="memory",
        labels=of_instance,
        text=f" {MEMORY_LIMIT >> 20} MiB",
    ),
    Fault(
        claim="traffic stopped",
        alert="TrafficStopped",
        pages=True,
        during=of_processes.stopped,
        kind="no_traffic",
    ),
    Fault(
        claim="invalid requests after a client's release",
        alert="ValidationErrorsJumped",
        during=of_routes.refused,
        kind="validation",
        route=DELIVERIES,
        labels=lambda _: PLACE,
    ),
    Fault(
        claim="the service down",
        alert="TargetsDown",
        pages=True,
        during=of_processes.down,
        kind="down",
    ),
)
