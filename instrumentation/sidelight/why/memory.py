"""How fast the memory of an instance's workers grows, and when it reaches the limit."""

from typing import Final

from sidelight.why.answers import Answers, total
from sidelight.why.figures import duration, size
from sidelight.why.report import Cause, Sentence

GROWTH: Final = "memory growth"
QUESTIONS: Final = {
    "memory limit": "topk(50, max by (job, instance) (sidelight_memory_limit_bytes{<sel>}))",
    "memory used": "topk(50, sum by (job, instance) (process_resident_memory_bytes{<sel>}))",
    GROWTH: "topk(50, sum by (job, instance, worker)"
    " (deriv(process_resident_memory_bytes{<sel>}[<long>])))",
}


def with_growth(cause: Cause, answers: Answers) -> Cause:
    """A cause of the kind ``memory`` with the limit, the growth, and the worker that grows most."""
    if cause.kind != "memory":
        return cause
    rows = answers.now(GROWTH, cause.labels)
    limit = answers.value("memory limit", cause.labels)
    if not rows or limit is None:
        return cause
    rate, over = total(rows) or 0, duration(3 * answers.scope.window)
    if rate <= 0:
        text = f"Their memory did not grow over the last {over}; the limit is {size(limit)}."
    else:
        text = (
            f"Their memory grew by {size(rate * 60)} a minute over the last {over}, most of all in "
            f"worker {rows[0].labels.get('worker', '?')}; {_reached(cause, answers, limit, rate)}."
        )
    return cause.says(Sentence(text, answers.text(GROWTH)))


def _reached(cause: Cause, answers: Answers, limit: float, rate: float) -> str:
    left = limit - (answers.value("memory used", cause.labels) or limit)
    if left <= 0:
        return f"the limit is {size(limit)}"
    return f"at that rate it reaches the limit of {size(limit)} in {duration(left / rate)}"
