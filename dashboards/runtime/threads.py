"""Threads and executors."""

from dashboards.layout import Line
from dashboards.panels import silence
from dashboards.panels.graphs import graph
from dashboards.panels.queries import Query, Shown
from dashboards.promql import mean, over, raw, total
from dashboards.saturation import threads

EXECUTOR = "executor"


def lines() -> list[Line]:
    """The lines of this section."""
    return [
        Line(
            7,
            [
                threads("Threads of AnyIO's"),
                _executors_how_full(),
                _executors_calls_that_wait(),
                _executors_wait_and_run(),
            ],
        )
    ]


def _executors_how_full() -> Shown:
    return graph(
        "Executors: how full",
        "Calls that run, of the threads or processes there are; the ten fullest.",
        "percentunit",
        [
            Query(
                "topk(10, "
                + over(
                    total(raw("python_executor_in_use"), EXECUTOR),
                    total(raw("python_executor_capacity"), EXECUTOR),
                )
                + ")",
                "{{executor}}",
            )
        ],
        empty=silence.NOTHING_WATCHED,
    )


def _executors_calls_that_wait() -> Shown:
    return graph(
        "Executors: calls that wait",
        "Calls queued; the ten longest queues.",
        "short",
        [Query(f"topk(10, {total(raw('python_executor_queued'), EXECUTOR)})", "{{executor}}")],
        empty=silence.NOTHING_WATCHED,
    )


def _executors_wait_and_run() -> Shown:
    return graph(
        "Executors: wait and run",
        "Mean time from submission to start, and from start to end.",
        "s",
        [
            Query(
                f"topk(5, {mean('python_executor_wait_seconds', EXECUTOR)})", "{{executor}} waits"
            ),
            Query(f"topk(5, {mean('python_executor_run_seconds', EXECUTOR)})", "{{executor}} runs"),
        ],
        empty=silence.NOTHING_WATCHED,
    )
