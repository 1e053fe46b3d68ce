"""What the engine refuses, by reason; docs/promql.md lists the reasons."""

from sidelight.embedded.promql.limits import QueryError
from tests.embedded.promql.actual import REFUSED


def why_refused(text: str, error: QueryError) -> str:
    """Return the reason for which the engine refuses a query; "" if it does not."""
    if REFUSED in error.message:
        return error.message.partition(f" {REFUSED}")[0]
    if "is not enabled" in error.message or "is experimental" in error.message:
        return "experimental functions"
    return ""
