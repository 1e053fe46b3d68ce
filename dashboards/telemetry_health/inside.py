"""Inside Sidelight."""

from dashboards.layout import Line
from dashboards.panels import colours, silence
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import RATE, raw, total

NO_HISTORY = "No sidecar with a history"


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(7, [_past_the_cap(), _left_out(), _exports_by_otlp(), _faults()]),
        Line(7, [_label_sets_kept(), _time_to_make_a_page()]),
        Line(7, [_history_kept(), _history_memory(), _history_reach(), _history_lacks()]),
    ]


def _past_the_cap() -> Shown:
    return graph(
        "Past the cap",
        "Observations counted under the route _OTHER, since there were more label "
        "sets than max_series.",
        "short",
        [Query(_counted("sidelight_series_overflow_total"), "overflow")],
        empty=silence.NONE_SO_FAR,
        colours={"overflow": colours.WARN},
    )


def _left_out() -> Shown:
    return graph(
        "Left out",
        "Files that could not be read, and families of the application's own "
        "registry that could not be shown, by reason.",
        "short",
        [
            Query(_counted("sidelight_files_skipped_total", "reason"), "file: {{reason}}"),
            Query(_counted("sidelight_families_skipped_total", "reason"), "family: {{reason}}"),
        ],
        empty=silence.NONE_SO_FAR,
    )


def _exports_by_otlp() -> Shown:
    return graph(
        "Exports by OTLP",
        "By outcome. After a failure the next that arrives carries everything.",
        "short",
        [Query(_counted("sidelight_otlp_exports_total", "outcome"), "{{outcome}}")],
        empty="No exports",
        colours={"success": colours.GOOD, "failure": colours.BAD},
    )


def _faults() -> Shown:
    return graph(
        "Faults",
        "By where they were. The log of `sidelight` names them.",
        "short",
        [Query(_counted("sidelight_internal_errors_total", "where"), "{{where}}")],
        empty=silence.NONE_SO_FAR,
    )


def _label_sets_kept() -> Shown:
    return graph(
        "Label sets kept",
        "Of the instance that keeps most.",
        "short",
        [
            Query(f"max({raw('sidelight_series')})", "most"),
            Query(f"quantile(0.5, {raw('sidelight_series')})", "median"),
        ],
        empty=silence.ONLY_SIDELIGHT,
        colours={"most": colours.PLAIN},
    )


def _time_to_make_a_page() -> Shown:
    return graph(
        "Time to make a page",
        "Of the instance that takes longest.",
        "s",
        [Query(f"max({raw('sidelight_scrape_duration_seconds')})", "longest")],
        empty=silence.ONLY_SIDELIGHT,
    )


def _history_kept() -> Shown:
    return graph(
        "Kept by the sidecar",
        "Series its history knows, and samples it keeps of them: one for each change.",
        "short",
        [
            Query(f"max({raw('sidelight_history_series')})", "series"),
            Query(f"max({raw('sidelight_history_samples')})", "samples"),
        ],
        empty=NO_HISTORY,
    )


def _history_memory() -> Shown:
    return graph(
        "Memory of the sidecar's history",
        "Of the instance that needs most; the oldest samples go before it is past its limit.",
        "bytes",
        [Query(f"max({raw('sidelight_history_bytes')})", "memory")],
        empty=NO_HISTORY,
    )


def _history_reach() -> Shown:
    return graph(
        "How far the history reaches",
        "From the oldest sample to the newest. Less than --history, long after a start: its "
        "memory is too small for so many series.",
        "s",
        [Query(f"min({raw('sidelight_history_span_seconds')})", "shortest")],
        empty=NO_HISTORY,
    )


def _history_lacks() -> Shown:
    return graph(
        "What the history lacks",
        "Samples of series for which there was no room, steps that came too late, and "
        "evaluations of the sidecar's rules that failed.",
        "short",
        [
            Query(_counted("sidelight_history_skipped_total", "reason"), "{{reason}}"),
            Query(_counted("sidelight_rule_failures_total"), "rules"),
        ],
        empty=silence.NONE_SO_FAR,
    )


def _counted(counter: str, label: str = "") -> str:
    inner = f"increase({raw(counter)}[{RATE}])"
    return total(inner, label) if label else total(inner)
