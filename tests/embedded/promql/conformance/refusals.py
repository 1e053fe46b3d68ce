"""Why the engine refuses a query. docs/promql.md lists every reason."""

from pathlib import Path
from typing import Final

from sidelight.embedded.promql.limits import QueryError
from tests.embedded.promql.actual import REFUSED

PAGE: Final = Path(__file__).parents[4] / "docs" / "promql.md"


def why_refused(error: QueryError) -> str:
    """Return the reason for which the engine refuses a query; "" if it does not."""
    if REFUSED in error.message:
        return error.message.partition(f" {REFUSED}")[0].removeprefix("the function ")
    if "is not enabled" in error.message or "is experimental" in error.message:
        return "experimental functions"
    return ""


def is_listed(reason: str) -> bool:
    """Whether the page about PromQL has this reason."""
    return reason.replace('"', "") in PAGE.read_text("utf-8").replace("`", "")
