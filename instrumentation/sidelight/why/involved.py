"""The route behind a full or broken resource, by kind of cause, as a table."""

from typing import Final, NamedTuple

from sidelight.histogram_queries import count, since_start, total
from sidelight.why.answers import Answers
from sidelight.why.figures import route
from sidelight.why.report import Cause, Sentence
from sidelight.why.waiting import with_line

_ACTIVE: Final = "sum by (job, http_route) (avg_over_time(fastapi_active_requests{<sel>}[<w>]))"
_PHASES: Final = "fastapi_request_phase_duration_seconds"
_THREAD_WAITS: Final = since_start(_PHASES, 'phase="thread_wait"<,sel>')
_IN_THREADS: Final = f"sum by (job, http_route) ({_THREAD_WAITS})"
_CLIENT: Final = "http_client_request_duration_seconds"
_FAILED_CALLS: Final = count(_CLIENT, 'error_type!~"|4.."<,sel>', over="[<w>]")


class Involved(NamedTuple):
    """A query by route, and the sentence about the route with the most."""

    query: str
    sentence: str
    lines: bool = True
    """Whether the line at which requests of the route wait belongs to it."""


INVOLVED: Final = {
    "connection_pool": Involved(
        "topk(20, sum by (job, db_client_connection_pool_name, http_route)"
        " (avg_over_time(db_client_connection_in_use_by_route{<sel>}[<w>])) > 0)",
        "{} holds most of its connections.",
    ),
    # Where phases are known, only routes that run in threads.
    "thread_pool": Involved(
        f"topk(20, {_ACTIVE} and on (job, http_route) {_IN_THREADS} > 0"
        f" or {_ACTIVE} unless on (job) {_IN_THREADS} > 0)",
        "{} has most requests in flight.",
    ),
    "upstream_errors": Involved(
        f"topk(20, sum by (job, http_route, server_address, server_port) ({_FAILED_CALLS}) > 0)",
        "{} makes most of the requests that fail.",
        lines=False,
    ),
    "upstream_slow": Involved(
        "topk(20, sum by (job, http_route, server_address, server_port)"
        f" ({total(_CLIENT, '<sel>', '[<w>]')}) > 0)",
        "{} spends most time on it.",
    ),
    "restarts": Involved(
        "topk(20, sum by (job, instance, http_route)"
        " (increase(fastapi_requests_lost_total{<sel>}[<long>])) > 0)",
        "{} lost most requests.",
        lines=False,
    ),
    "worker_blocked": Involved(
        "topk(20, max by (job, instance, http_route)"
        " (fastapi_oldest_active_request_seconds{<sel>}) > 0)",
        "The oldest request in flight is of {}.",
        lines=False,
    ),
}
QUESTIONS: Final = {f"{kind} by route": one.query for kind, one in INVOLVED.items()}


def with_route(cause: Cause, answers: Answers) -> Cause:
    """The cause with the route that has most of it, and its line, where they are known."""
    involved = INVOLVED.get(cause.kind)
    if involved is None or "http_route" in cause.labels:
        return cause
    name = f"{cause.kind} by route"
    rows = [row for row in answers.now(name, cause.labels) if row.labels.get("http_route")]
    if not rows:
        return cause
    labels = {**cause.labels, "http_route": rows[0].labels["http_route"]}
    text = involved.sentence.format(route(labels))
    found = cause.says(Sentence(text, answers.text(name)), labels=labels)
    return with_line(found, answers) if involved.lines else found
