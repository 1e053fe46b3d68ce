"""From the service to Prometheus."""

from typing import Final

from dashboards.layout import Line
from dashboards.panels import colours
from dashboards.panels.graphs import graph
from dashboards.panels.notes import note
from dashboards.panels.queries import Query, Shown
from dashboards.panels.tables import Column, Key, rows
from dashboards.promql import raw, total
from dashboards.telemetry_health.parts import COUNT

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
PLACE = ("job", "instance")
SLOWEST = f"topk(30, {raw('scrape_duration_seconds')})"
KEEP = f"and on (job, instance) {SLOWEST}"


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(9, [_targets(), _how_to_read_it()], (16, 8)),
        Line(8, [_scrape_time(), _who_they_say_they_are()]),
        Line(8, [_series_by_route()]),
    ]


def _targets() -> Shown:
    return rows(
        "Targets",
        "The 30 that take longest to scrape, and who measures there.",
        [Key("job", "Service"), Key("instance", "Instance")],
        [
            Column(total(SLOWEST, *PLACE), "Scrape time", "s"),
            Column(
                f"{total(raw('up'), *PLACE)} {KEEP}",
                "Up",
                "bool_yes_no",
                ((None, colours.BAD), (1, colours.GOOD)),
            ),
            Column(f"{total(raw('scrape_samples_scraped'), *PLACE)} {KEEP}", "Samples", "short"),
            Column(f"{total(raw('sidelight_series'), *PLACE)} {KEEP}", "Label sets", "short"),
            Column(
                f"{total(raw('sidelight_scrape_duration_seconds'), *PLACE)} {KEEP}",
                "Time in Sidelight",
                "s",
            ),
        ],
        sort="Scrape time",
        empty="No target: pushed by OTLP, or not scraped",
    )


def _how_to_read_it() -> Shown:
    return note("How to read it", "From what is seen to what it is.", GUIDE)


def _scrape_time() -> Shown:
    return graph(
        "Scrape time",
        "Slowest and median target.",
        "s",
        [
            Query(f"max({raw('scrape_duration_seconds')})", "slowest"),
            Query(f"quantile(0.5, {raw('scrape_duration_seconds')})", "median"),
        ],
        empty="No target: pushed by OTLP, or not scraped",
    )


def _series_by_route() -> Shown:
    return rows(
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
    )


def _who_they_say_they_are() -> Shown:
    return rows(
        "Who they say they are",
        "Names and versions that services give themselves; the 50 most frequent.",
        [Key("job", "Job"), Key("service_name", "Service"), Key("service_version", "Version")],
        [
            Column(
                f"topk(50, count by (job, service_name, service_version) ({raw('target_info')}))",
                "Instances",
                "short",
                decimals=0,
            )
        ],
        sort="Instances",
        empty="Nobody says",
    )
