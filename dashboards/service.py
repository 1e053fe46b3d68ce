"""Whether a service is well as its users feel it; and if not, which route, and what is full."""

from typing import Any

from dashboards import frame, recorded
from dashboards.frame import Line, Section
from dashboards.panels import (
    BAD,
    CLASSES,
    GOOD,
    NO_RULES,
    NO_TRAFFIC,
    NONE_SO_FAR,
    NOTHING_WATCHED,
    ONLY_SIDELIGHT,
    PLAIN,
    QUANTILES,
    WARN,
    Column,
    Key,
    Query,
    density,
    figure,
    graph,
    rows,
    steps,
)
from dashboards.promql import (
    DURATION,
    error_ratio,
    mean,
    over,
    quantile,
    rate,
    raw,
    total,
)
from dashboards.promql import recorded as of

BY = ("job", "http_request_method", "http_route")
BUCKETS = f"{DURATION}_bucket"
KEYS = ", ".join(BY)
SPENT = total(rate(f"{DURATION}_sum"), *BY)
WORST = f"and on ({KEYS}) topk(30, {SPENT})"
WHOLE = 'http_route=""'
AVAILABLE = 'slo="availability"'
QUICK = 'slo="latency"'
ALL_INSTANCES = "All instances of the service, whichever are chosen above."


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __file__,
        "What the users of a service feel, then its routes, then what is full, then its instances.",
        ("job", "instance"),
        [
            Section("", [_numbers()]),
            Section("What users feel", _felt()),
            Section("Routes", [_routes()]),
            Section("What is full", _full()),
            Section("Instances", _instances()),
        ],
    )


def _numbers() -> Line:
    buckets = total(of(recorded.SERVICE_LE), "le")
    left = f"min({of(recorded.BUDGET_LEFT, WHOLE)})"
    return Line(
        4,
        [
            figure(
                "Requests",
                f"Requests a second, over 5 minutes. {ALL_INSTANCES}",
                "reqps",
                Query(total(of(recorded.SERVICE)), "requests", recorded=True),
                empty=NO_RULES,
            ),
            figure(
                "Errors",
                "Requests that failed: 5xx, or broken off after the status. Never 4xx, nor clients "
                f"that left. {ALL_INSTANCES}",
                "percentunit",
                Query(error_ratio(), "errors", recorded=True),
                empty=NO_TRAFFIC,
                steps=steps((0.001, WARN), (0.01, BAD)),
            ),
            figure(
                "p95",
                f"95 of 100 good responses were quicker. {ALL_INSTANCES}",
                "s",
                Query(quantile("0.95", buckets), "p95", recorded=True),
            ),
            figure(
                "Budget left",
                "Of the objective with the least left: 100 % is untouched, below 0 is overspent.",
                "percentunit",
                Query(left, "left", recorded=True),
                empty="No objective: see Objectives",
                steps=steps((0, WARN), (0.25, GOOD), base=BAD),
            ),
            figure(
                "Instances up",
                "Targets that answer Prometheus. A service that pushes by OTLP has none.",
                "short",
                Query(f"sum({raw('up')})", "up"),
                empty="No target: pushed, or see Telemetry health",
                steps=steps((1, GOOD), base=BAD),
            ),
            figure(
                "Measured by",
                "Sidelight, or only FastAPI's own telemetry or OpenTelemetry's instrumentation: "
                "then panels of slow requests, loops, threads and pools stay empty.",
                "string",
                Query(
                    f"count by (version) ({raw('sidelight_build_info')})", "Sidelight {{version}}"
                ),
                empty="OpenTelemetry only",
                words=True,
            ),
        ],
    )


def _felt() -> list[Line]:
    buckets = total(of(recorded.SERVICE_LE), "le")
    budget = f"min({of(recorded.BUDGET, WHOLE, AVAILABLE)})"
    slow_budget = f"min({of(recorded.BUDGET, WHOLE, QUICK)})"
    slow = f"max({of(recorded.burnt('5m'), WHOLE, QUICK)})"
    traces = quantile("0.99", f"sum by (le) (rate({raw(BUCKETS)}[$__rate_interval] offset 520w))")
    return [
        Line(
            8,
            [
                graph(
                    "Requests by status",
                    f"Requests a second by class of status. 4xx is the client's doing. "
                    f"{ALL_INSTANCES}",
                    "reqps",
                    [
                        Query(
                            total(of(recorded.SERVICE_CLASS), recorded.CLASS),
                            "{{status_class}}",
                            recorded=True,
                        )
                    ],
                    empty=NO_RULES,
                    colours=CLASSES,
                    stacked=True,
                ),
                graph(
                    "Errors",
                    "Failed requests per request, against what the availability objective allows.",
                    "percentunit",
                    [
                        Query(error_ratio(), "errors", recorded=True),
                        Query(budget, "Limit: objective", recorded=True),
                    ],
                    colours={"errors": BAD},
                ),
                graph(
                    "Slower than the latency objective",
                    "Good responses that took longer than the objective's latency, against what "
                    "it allows.",
                    "percentunit",
                    [
                        Query(slow, "too slow", recorded=True),
                        Query(slow_budget, "Limit: objective", recorded=True),
                    ],
                    empty="No traffic, or no latency objective: see Objectives",
                    colours={"too slow": WARN},
                ),
            ],
        ),
        Line(
            9,
            [
                graph(
                    "Latency",
                    "Good responses, from arrival to the last byte; points are traces. The last "
                    "query asks for traces only, and for no samples: it looks ten years back.",
                    "s",
                    [
                        *(
                            Query(quantile(f"0.{name[1:]}", buckets), name, recorded=True)
                            for name in QUANTILES
                        ),
                        Query(traces, "traces", exemplar=True),
                    ],
                    colours=QUANTILES,
                ),
                density(
                    "How latencies are spread",
                    "Good responses a second in each bucket: two bands are two kinds of request.",
                    Query(buckets, "{{le}}", recorded=True),
                    empty=NO_RULES,
                ),
            ],
        ),
    ]


def _routes() -> Line:
    buckets = total(of(recorded.ROUTE_LE), *BY, "le")
    each = total(of(recorded.ROUTE_RATE), *BY)
    slow = total(rate("fastapi_slow_requests_total"), *BY)
    here = frame.to(
        "route",
        "var-job=${__data.fields.Service}",
        "var-route=${__data.fields.Route}",
        "var-method=${__data.fields.Method}",
        "${instance:queryparam}",
    )
    share = f"topk(30, {SPENT}) / on () group_left () (sum({rate(f'{DURATION}_sum')}) > 0)"
    return Line(
        12,
        [
            rows(
                "Routes, by share of the time",
                "The 30 routes that the service spends most of its time in: requests times how "
                "long they take. An empty route is a request outside of any route.",
                [
                    Key("job", "Service"),
                    Key("http_request_method", "Method"),
                    Key("http_route", "Route", here),
                ],
                [
                    Column(share, "Share of time", "percentunit", decimals=1),
                    Column(f"{each} {WORST}", "Requests/s", "reqps"),
                    Column(
                        f"({error_ratio(*BY)}) {WORST}",
                        "Errors",
                        "percentunit",
                        ((None, PLAIN), (0.001, WARN), (0.01, BAD)),
                    ),
                    Column(f"({quantile('0.95', buckets)}) {WORST}", "p95", "s"),
                    Column(f"{slow} {WORST}", "Slow/s", "reqps", ((None, PLAIN), (0.01, WARN))),
                ],
                sort="Share of time",
                empty=NO_RULES,
            )
        ],
    )


def _full() -> list[Line]:
    late = total(rate("asyncio_event_loop_lag_seconds_bucket"), "le")
    threads = f"sum({raw('anyio_threadpool_in_use')})"
    room = f"sum({raw('anyio_threadpool_capacity')})"
    pool = "db_client_connection_pool_name"
    used = total(raw("db_client_connection_count", 'db_client_connection_state="used"'), pool)
    most = total(raw("db_client_connection_max"), pool)
    memory = total(raw("process_resident_memory_bytes"), "instance")
    limit = f"max by (instance) ({raw('sidelight_memory_limit_bytes')})"
    return [
        Line(
            7,
            [
                graph(
                    "Event loop lag",
                    "How late event loops run. Whoever holds one makes all requests of its worker "
                    "wait.",
                    "s",
                    [
                        Query(quantile("0.5", late), "p50"),
                        Query(quantile("0.99", late), "p99"),
                    ],
                    empty=ONLY_SIDELIGHT,
                    colours=QUANTILES,
                ),
                graph(
                    "Threads in use",
                    "Of the threads for synchronous endpoints and dependencies; and calls that "
                    "wait for one.",
                    "short",
                    [
                        Query(threads, "in use"),
                        Query(f"sum({raw('anyio_threadpool_waiting')})", "waiting"),
                        Query(room, "Limit: capacity"),
                    ],
                    empty=ONLY_SIDELIGHT,
                    colours={"waiting": BAD},
                ),
                graph(
                    "Fullest connection pools",
                    "Connections in use of those a pool may open; the five fullest.",
                    "percentunit",
                    [Query(f"topk(5, {over(used, most)})", f"{{{{{pool}}}}}")],
                    empty=NOTHING_WATCHED,
                ),
            ],
        ),
        Line(
            7,
            [
                graph(
                    "CPU",
                    "Cores used by the workers of an instance.",
                    "short",
                    _band(total(rate("process_cpu_seconds_total"), "instance")),
                    empty=ONLY_SIDELIGHT,
                ),
                graph(
                    "Memory",
                    "Resident memory of the workers of an instance, and the least limit of any.",
                    "bytes",
                    [*_band(memory), Query(f"min({limit})", "Limit: control group")],
                    empty=ONLY_SIDELIGHT,
                ),
            ],
        ),
    ]


def _band(each: str) -> list[Query]:
    """A spread over instances, instead of a line for each."""
    return [
        Query(f"max({each})", "highest"),
        Query(f"quantile(0.5, {each})", "median"),
        Query(f"min({each})", "lowest"),
    ]


def _instances() -> list[Line]:
    each = total(rate(f"{DURATION}_count"), "job", "instance")
    bad = total(rate(f"{DURATION}_count", 'http_response_status_code=~"5.."'), "job", "instance")
    cpu = total(rate("process_cpu_seconds_total"), "job", "instance")
    time = mean(DURATION, "job", "instance")
    far = f"abs(({time}) - scalar(quantile(0.5, {time})))"
    keep = f"and on (job, instance) topk(20, {far})"
    to = frame.to(
        "runtime",
        "var-job=${__data.fields.Service}",
        "var-instance=${__data.fields.Instance}",
    )
    return [
        Line(
            7,
            [
                graph(
                    "Requests an instance",
                    "Whether the load is shared evenly.",
                    "reqps",
                    _band(each),
                ),
                graph(
                    "Mean latency an instance",
                    "A wide band: some instances are slower than others.",
                    "s",
                    _band(time),
                ),
            ],
        ),
        Line(
            9,
            [
                rows(
                    "Instances that differ most",
                    "The 20 whose mean latency is farthest from the median of all.",
                    [Key("job", "Service"), Key("instance", "Instance", to)],
                    [
                        Column(f"topk(20, {far})", "Off the median", "s"),
                        Column(f"{time} {keep}", "Mean latency", "s"),
                        Column(f"{each} {keep}", "Requests/s", "reqps"),
                        Column(
                            f"{over(f'({bad} or 0 * {each})', each)} {keep}",
                            "5xx",
                            "percentunit",
                            ((None, PLAIN), (0.01, BAD)),
                        ),
                        Column(f"{cpu} {keep}", "Cores", "short", decimals=2),
                    ],
                    sort="Off the median",
                    empty=NONE_SO_FAR,
                )
            ],
        ),
    ]
