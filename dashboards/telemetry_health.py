"""Whether it is idle, or what measures it is broken."""

from typing import Any, Final

from dashboards import frame, recorded
from dashboards.frame import Line, Section
from dashboards.panels import (
    BAD,
    GOOD,
    NONE_SO_FAR,
    ONLY_SIDELIGHT,
    PLAIN,
    WARN,
    Column,
    Key,
    Query,
    figure,
    graph,
    note,
    rows,
    steps,
)
from dashboards.promql import DURATION, RATE, rate, raw, total
from dashboards.promql import recorded as of

COUNT: Final = f"{DURATION}_count"
RULES: Final = 'rule_group=~".*sidelight.*"'
GUIDE: Final = """\
| what you see | what it is |
| --- | --- |
| targets up, requests 0 | idle: nobody asks |
| a target down | no answer to Prometheus: the service, its sidecar, or the way there |
| *Seen without its metrics* | it answers, and has no request metrics: no middleware or request |
| only *OpenTelemetry only* | panels of slow requests, loops, threads and pools need Sidelight |
| *Rules that record* at 0 | load `deploy/prometheus/rules`, or `sidelight rules`' output |
| rule failures | `promtool check rules`, and Prometheus's own log |
"""


def make() -> dict[str, Any]:
    """The dashboard."""
    return frame.dashboard(
        __file__,
        "Whether an empty panel means that nobody asks, or that nobody counts.",
        ("job", "instance"),
        [
            Section("", [_numbers()]),
            Section("From the service to Prometheus", _scrapes()),
            Section("Inside Sidelight", _inside()),
        ],
    )


def _numbers() -> Line:
    silent = f"({raw('up')} == 1) unless on (job, instance) {raw(COUNT)}"
    ours = f"on (job) last_over_time({of(recorded.SERVICE)}[1d])"
    return Line(
        4,
        [
            figure(
                "Targets down",
                "Targets of the chosen jobs that don't answer Prometheus.",
                "short",
                Query(f"count({raw('up')} == 0)", "down"),
                empty="None",
                steps=steps((1, BAD)),
            ),
            figure(
                "Seen without its metrics",
                "Instances of a service that answer and have no request metrics, while the "
                "service had some within a day: no middleware, or no request yet.",
                "short",
                Query(f"count({silent} and {ours})", "silent"),
                empty="None",
                steps=steps((1, WARN)),
            ),
            figure(
                "Requests",
                "A second, from raw series: 0 is idle, nothing is not measured.",
                "reqps",
                Query(total(rate(COUNT)), "requests"),
                empty="Not measured",
            ),
            figure(
                "Rules that record",
                "Services whose requests are recorded; without rules most panels are empty.",
                "short",
                Query(f"count({of(recorded.SERVICE)})", "services", recorded=True),
                empty="None: load the rules",
                steps=steps((1, GOOD), base=BAD),
            ),
            figure(
                "Rules that fail",
                "Evaluations that failed in the time chosen above, where Prometheus scrapes "
                "itself.",
                "short",
                Query(
                    f"sum(increase(prometheus_rule_evaluation_failures_total{{{RULES}}}[$__range]))",
                    "failed",
                ),
                empty="Not known: Prometheus doesn't scrape itself",
                steps=steps((0.5, BAD)),
            ),
            figure(
                "Faults inside Sidelight",
                "In the time chosen above; no request was harmed.",
                "short",
                Query(
                    f"sum(increase({raw('sidelight_internal_errors_total')}[$__range]))", "faults"
                ),
                empty="None",
                steps=steps((0.5, WARN)),
            ),
        ],
    )


def _scrapes() -> list[Line]:
    place = ("job", "instance")
    slowest = f"topk(30, {raw('scrape_duration_seconds')})"
    keep = f"and on (job, instance) {slowest}"
    return [
        Line(
            9,
            [
                rows(
                    "Targets",
                    "The 30 that take longest to scrape, and who measures there.",
                    [Key("job", "Service"), Key("instance", "Instance")],
                    [
                        Column(total(slowest, *place), "Scrape time", "s"),
                        Column(
                            f"{total(raw('up'), *place)} {keep}",
                            "Up",
                            "bool_yes_no",
                            ((None, BAD), (1, GOOD)),
                        ),
                        Column(
                            f"{total(raw('scrape_samples_scraped'), *place)} {keep}",
                            "Samples",
                            "short",
                        ),
                        Column(
                            f"{total(raw('sidelight_series'), *place)} {keep}",
                            "Label sets",
                            "short",
                        ),
                        Column(
                            f"{total(raw('sidelight_scrape_duration_seconds'), *place)} {keep}",
                            "Time in Sidelight",
                            "s",
                        ),
                    ],
                    sort="Scrape time",
                    empty="No target: pushed by OTLP, or not scraped",
                ),
                note("How to read it", "From what is seen to what it is.", GUIDE),
            ],
            (16, 8),
        ),
        Line(
            8,
            [
                graph(
                    "Scrape time",
                    "Slowest and median target.",
                    "s",
                    [
                        Query(f"max({raw('scrape_duration_seconds')})", "slowest"),
                        Query(f"quantile(0.5, {raw('scrape_duration_seconds')})", "median"),
                    ],
                    empty="No target: pushed by OTLP, or not scraped",
                ),
                rows(
                    "Series by route",
                    "Count series of the request duration; the 20 routes with most.",
                    [Key("job", "Service"), Key("http_route", "Route")],
                    [
                        Column(
                            f"topk(20, count by (job, http_route) ({raw(COUNT)}))",
                            "Series",
                            "short",
                            decimals=0,
                        )
                    ],
                    sort="Series",
                    empty="Not measured",
                ),
                rows(
                    "Who they say they are",
                    "Names and versions that services give themselves; the 50 most frequent.",
                    [
                        Key("job", "Job"),
                        Key("service_name", "Service"),
                        Key("service_version", "Version"),
                    ],
                    [
                        Column(
                            "topk(50, count by (job, service_name, service_version) "
                            f"({raw('target_info')}))",
                            "Instances",
                            "short",
                            decimals=0,
                        )
                    ],
                    sort="Instances",
                    empty="Nobody says",
                ),
            ],
        ),
    ]


def _counted(counter: str, label: str = "") -> str:
    inner = f"increase({raw(counter)}[{RATE}])"
    return total(inner, label) if label else total(inner)


def _inside() -> list[Line]:
    return [
        Line(
            7,
            [
                graph(
                    "Past the cap",
                    "Observations counted under the route _OTHER, since there were more label "
                    "sets than max_series.",
                    "short",
                    [Query(_counted("sidelight_series_overflow_total"), "overflow")],
                    empty=NONE_SO_FAR,
                    colours={"overflow": WARN},
                ),
                graph(
                    "Left out",
                    "Files that could not be read, and families of the application's own "
                    "registry that could not be shown, by reason.",
                    "short",
                    [
                        Query(
                            _counted("sidelight_files_skipped_total", "reason"), "file: {{reason}}"
                        ),
                        Query(
                            _counted("sidelight_families_skipped_total", "reason"),
                            "family: {{reason}}",
                        ),
                    ],
                    empty=NONE_SO_FAR,
                ),
                graph(
                    "Exports by OTLP",
                    "By outcome. After a failure the next that arrives carries everything.",
                    "short",
                    [Query(_counted("sidelight_otlp_exports_total", "outcome"), "{{outcome}}")],
                    empty="No exports",
                    colours={"success": GOOD, "failure": BAD},
                ),
                graph(
                    "Faults",
                    "By where they were. The log of `sidelight` names them.",
                    "short",
                    [Query(_counted("sidelight_internal_errors_total", "where"), "{{where}}")],
                    empty=NONE_SO_FAR,
                ),
            ],
        ),
        Line(
            7,
            [
                graph(
                    "Label sets kept",
                    "Of the instance that keeps most.",
                    "short",
                    [
                        Query(f"max({raw('sidelight_series')})", "most"),
                        Query(f"quantile(0.5, {raw('sidelight_series')})", "median"),
                    ],
                    empty=ONLY_SIDELIGHT,
                    colours={"most": PLAIN},
                ),
                graph(
                    "Time to make a page",
                    "Of the instance that takes longest.",
                    "s",
                    [Query(f"max({raw('sidelight_scrape_duration_seconds')})", "longest")],
                    empty=ONLY_SIDELIGHT,
                ),
            ],
        ),
    ]
