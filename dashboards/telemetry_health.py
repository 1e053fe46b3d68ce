"""Telemetry health: whether an empty panel means no traffic or missing telemetry."""

from typing import Final

from dashboards.builder import Row, Section, dashboard
from dashboards.colours import BAD, GOOD, PLAIN, WARN
from dashboards.histograms import counted, stored
from dashboards.panels import NO_DATA, SIDELIGHT_ONLY, count_stat, stat, text, time_series
from dashboards.queries import INSTANCE_LABELS, Query, increase, raw, recorded, total
from dashboards.shared import targets_down
from dashboards.tables import SERVICE, Column, Key, coloured_column, table
from sidelight.histogram_queries import DURATION
from sidelight.slo import names

RECORDED: Final = recorded(names.SERVICE)
SILENT: Final = (
    f"({raw('up')} == 1) unless on (job, instance) {raw(names.INSTANCE_STATUS)} "
    f"and on (job) last_over_time({RECORDED}[1d])"
)
OUR_RULES: Final = 'rule_group=~".*sidelight.*"'
FAILURES: Final = f"prometheus_rule_evaluation_failures_total{{{OUR_RULES}}}"
OVERVIEW: Final = [
    targets_down(
        "Targets of the selected jobs that Prometheus cannot scrape.", f"{raw('up')} == 0"
    ),
    count_stat(
        "Targets without metrics",
        "Instances that answer Prometheus and have no request metrics, although their service had "
        "some in the last day: the middleware is missing, or there was no request yet.",
        Query(f"count({SILENT})", "silent"),
        (1, WARN),
    ),
    stat(
        "Requests",
        "Requests per second, from raw series. 0 is no traffic; no value is no measurement.",
        "reqps",
        Query(total(counted(DURATION)), "requests"),
        empty="Not measured",
    ),
    count_stat(
        "Recorded services",
        "Services whose requests the rules record. Without the rules, most panels are empty.",
        Query(f"count({RECORDED})", "services", recorded=True),
        (1, GOOD),
        base=BAD,
        empty="None: load the rules",
    ),
    count_stat(
        "Rule failures",
        "Failed evaluations in the selected time range, if Prometheus scrapes itself.",
        Query(f"sum(increase({FAILURES}[$__range]))", "failed"),
        (0.5, BAD),
        empty="Prometheus not scraped",
    ),
    count_stat(
        "Internal errors",
        "Internal errors of Sidelight in the selected time range. They fail no request.",
        Query(increase("sidelight_internal_errors_total", window="$__range"), "errors"),
        (0.5, WARN),
    ),
]

SYMPTOMS: Final = """\
| symptom | cause |
| --- | --- |
| targets up, no requests | no traffic |
| a target is down | the service, its sidecar or the network does not answer |
| *Targets without metrics* | no middleware, or no request yet |
| *OpenTelemetry only* | causes and saturation require Sidelight |
| no *Recorded services* | load the output of `sidelight rules build` |
| *Rule failures* | see `promtool check rules` and Prometheus's log |
"""
NO_TARGET: Final = "No target: pushed by OTLP, or not scraped"
SCRAPE: Final = "scrape_duration_seconds"
SLOWEST: Final = f"topk(30, {raw(SCRAPE)})"


def _of_slowest(metric: str) -> str:
    """A metric of the targets with the slowest scrapes."""
    return f"{total(raw(metric), *INSTANCE_LABELS)} and on (job, instance) {SLOWEST}"


TARGETS: Final = table(
    "Targets",
    "The 30 targets with the slowest scrapes, and the time that Sidelight took.",
    [SERVICE, Key("instance", "Instance")],
    Column(total(SLOWEST, *INSTANCE_LABELS), "Scrape time", "s"),
    coloured_column(_of_slowest("up"), "Up", "bool_yes_no", (1, GOOD), base=BAD),
    Column(_of_slowest("scrape_samples_scraped"), "Samples", "short"),
    Column(_of_slowest("sidelight_series"), "Label sets", "short"),
    Column(_of_slowest("sidelight_scrape_duration_seconds"), "Time in Sidelight", "s"),
    sort="Scrape time",
    empty=NO_TARGET,
)
REPORTED: Final = "count by (job, service_name, service_version)"
TRENDS: Final = [
    time_series(
        "Targets up",
        "The targets that answer Prometheus, and all of them.",
        "short",
        Query(f"sum({raw('up')})", "up"),
        Query(f"count({raw('up')})", "Limit: all targets"),
        empty=NO_TARGET,
    ),
    time_series(
        "Recorded requests",
        "Requests per second, as the rules record them. A gap is a time without rules or scrapes.",
        "reqps",
        Query(f"sum({RECORDED})", "requests", recorded=True),
    ),
    time_series(
        "Scrape time",
        "The slowest target and the median.",
        "s",
        Query(f"max({raw(SCRAPE)})", "slowest"),
        Query(f"quantile(0.5, {raw(SCRAPE)})", "median"),
        empty=NO_TARGET,
    ),
]
REPORTS: Final = [
    table(
        "Service names and versions",
        "The names and versions that services report; the 50 most frequent.",
        [
            Key("job", "Job"),
            Key("service_name", "Service"),
            Key("service_version", "Version", blank="not reported"),
        ],
        Column(f"topk(50, {REPORTED} ({raw('target_info')}))", "Instances", "short", decimals=0),
        sort="Instances",
        empty="Not reported",
    ),
    table(
        "Series by route",
        "The number of label sets of the request duration; the 20 routes with the most.",
        [SERVICE, Key("http_route", "Route", blank="no route")],
        Column(
            f"topk(20, count by (job, http_route) ({stored(DURATION)}))",
            "Series",
            "short",
            decimals=0,
        ),
        sort="Series",
        empty="Not measured",
    ),
]

LOSSES: Final = [
    time_series(
        "Series overflow",
        "Observations that were counted under the route _OTHER because a worker's file is full: it "
        "has max_series label sets, or no bytes left for another.",
        "short",
        Query(increase("sidelight_series_overflow_total"), "overflow"),
        empty=NO_DATA,
        colours={"overflow": WARN},
    ),
    time_series(
        "Internal errors by location",
        "The log of the logger `sidelight` has the details.",
        "short",
        Query(increase("sidelight_internal_errors_total", "where"), "{{where}}"),
        empty=NO_DATA,
    ),
    time_series(
        "Skipped files, families and headers",
        "Files that could not be read, metric families of the application that could not be "
        "exported, and proxies' times of arrival that were wrong, by reason.",
        "short",
        *(
            Query(increase(f"sidelight_{counted}_total", "reason"), f"{one}: {{{{reason}}}}")
            for one, counted in (
                ("file", "files_skipped"),
                ("family", "families_skipped"),
                ("header", "queue_headers_ignored"),
            )
        ),
        empty=NO_DATA,
    ),
    time_series(
        "OTLP exports",
        "Exports by outcome. Counters are cumulative, so the first success after a failure "
        "delivers everything.",
        "short",
        Query(increase("sidelight_otlp_exports_total", "outcome"), "{{outcome}}"),
        empty="No exports",
        colours={"success": GOOD, "failure": BAD},
    ),
]
COSTS: Final = [
    time_series(
        "Label sets",
        "The label sets of the instance with the most, and the median.",
        "short",
        Query(f"max({raw('sidelight_series')})", "most"),
        Query(f"quantile(0.5, {raw('sidelight_series')})", "median"),
        empty=SIDELIGHT_ONLY,
        colours={"most": PLAIN},
    ),
    time_series(
        "Time to write the metrics",
        "Of the slowest instance.",
        "s",
        Query(f"max({raw('sidelight_scrape_duration_seconds')})", "slowest"),
        empty=SIDELIGHT_ONLY,
    ),
]
APP_METRICS: Final = [
    time_series(
        "Failed collectors",
        "Collectors of the application's own metrics that raised, or had not ended in time.",
        "short",
        Query(increase("sidelight_collector_errors_total", "collector"), "{{collector}}"),
        empty=NO_DATA,
    ),
    time_series(
        "Age of the application's own metrics",
        "Of the oldest values that are shown. A collector that hangs keeps its last values.",
        "s",
        Query(f"max({raw('sidelight_snapshot_age_seconds')})", "oldest"),
        empty="No metrics of its own",
    ),
]
HISTORY: Final = [
    time_series(
        title,
        description,
        unit,
        *(
            Query(f"{how}({raw(f'sidelight_history_{part}')})", name)
            for part, name in parts.items()
        ),
        empty="No sidecar with a history",
    )
    for title, description, unit, how, parts in (
        (
            "Series and samples in the history",
            "Of the sidecar with the most. A sample is stored only when a value changes.",
            "short",
            "max",
            {"series": "series", "samples": "samples"},
        ),
        (
            "Memory of the history",
            "Of the sidecar that uses the most. The oldest samples are removed at the limit.",
            "bytes",
            "max",
            {"bytes": "memory"},
        ),
        (
            "Time range of the history",
            "From the oldest sample to the newest. Below --history: the memory limit is too low.",
            "s",
            "min",
            {"span_seconds": "shortest"},
        ),
    )
]
SKIPPED: Final = time_series(
    "Samples missing from the history",
    "Samples for which there was no memory, samples that came too late, and failed evaluations of "
    "the sidecar's rules.",
    "short",
    Query(increase("sidelight_history_skipped_total", "reason"), "{{reason}}"),
    Query(increase("sidelight_rule_failures_total"), "rules"),
    empty=NO_DATA,
)


DASHBOARD: Final = dashboard(
    __name__,
    "Tells whether an empty panel means no traffic or missing telemetry.",
    Section("", [Row(4, OVERVIEW), Row(7, TRENDS)]),
    Section(
        "Collection",
        [
            Row(9, [TARGETS, text("Symptoms", "From symptom to cause.", SYMPTOMS)], (16, 8)),
            Row(8, REPORTS),
        ],
    ),
    Section(
        "Sidelight itself",
        [Row(7, LOSSES), Row(7, [*COSTS, *APP_METRICS]), Row(7, [*HISTORY, SKIPPED])],
    ),
)
