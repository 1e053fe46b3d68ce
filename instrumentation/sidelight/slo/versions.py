"""The versions of a service that run at the same time, compared; and when each of them began.

Only `target_info` has the version, so that no other series begins anew with a release.
"""

from collections.abc import Iterator
from typing import Final

from sidelight.contract import STATUS
from sidelight.slo import names
from sidelight.slo.context import Rule, RuleContext, range_query

VERSION: Final = "service_version"
OF_INSTANCE: Final = (
    f"on (<by>, instance) group_left ({VERSION}) topk by (<by>, instance) (1,"
    f' max by (<by>, instance, {VERSION}) (target_info{{{VERSION}!=""<,sel>}}))'
)
"""Matches series of an instance with its version; the first one where, for a while, it has two."""
MOST_VERSIONS: Final = 4
"""Versions that an alert tells of."""


def recording(context: RuleContext) -> Iterator[Rule]:
    """By version: requests by status, the share of 5xx, the mean duration, and the first start."""
    by = f"by (<by>, {VERSION})"
    status, own = f"{names.VERSION_STATUS}{{<recorded>}}", "{<recorded>}"
    requests = f"sum {by} ({status})"
    failed = f'sum {by} ({names.VERSION_STATUS}{{{STATUS}=~"5.."<,recorded>}})'
    time = f"sum {by} ({names.INSTANCE_TIME}{own} * {OF_INSTANCE})"
    start = f"min {by} (process_start_time_seconds{{<sel>}} * {OF_INSTANCE})"
    since = f"last_over_time({names.VERSION_SINCE}{own}[<5m>])"
    same = f"on (<by>, {VERSION})"
    for record, expr in (
        (
            names.VERSION_STATUS,
            f"sum by (<by>, {VERSION}, {STATUS}) ({names.INSTANCE_STATUS}{own} * {OF_INSTANCE})",
        ),
        (names.VERSION_ERRORS, f"({failed} or 0 * {requests}) / ({requests} > 0)"),
        (names.VERSION_MEAN, f"{time} / ({requests} > 0)"),
        # What was recorded goes on, also when all workers have been replaced since.
        (
            names.VERSION_SINCE,
            f"{since} and {same} {start} or {same} {start}",
        ),
    ):
        yield {"record": record, "expr": context.render(expr)}


def told(context: RuleContext, window: str) -> str:
    """A template of what a description says of releases in a window, and of versions that run."""
    return _began(context, window) + _compared(context)


def _began(context: RuleContext, window: str) -> str:
    """Versions that began in the window, where the service ran another one in it."""
    since = names.VERSION_SINCE + context.for_annotation().matchers()
    several = f"count (last_over_time({since}[<{window}>])) > 1"
    return range_query(
        f"(time() - {since}) < <s{window}> and on () {several}",
        " Release {{ .Labels.service_version }} began {{ .Value | humanizeDuration }} ago.",
    )


def _compared(context: RuleContext) -> str:
    """Errors and latency of each version, while there are several."""
    own = context.for_annotation().matchers()
    of_version = context.for_annotation().matchers(f'{VERSION}=".Labels.{VERSION}"')
    mean = range_query(
        names.VERSION_MEAN + of_version,
        ", and they took {{ .Value | humanizeDuration }} on average",
    )
    return range_query(
        f"sort_desc(topk({MOST_VERSIONS}, {names.VERSION_ERRORS}{own})"
        f" and on () count({names.VERSION_ERRORS}{own}) > 1)",
        " Of the requests to version {{ .Labels.service_version }},"
        f" {{{{ .Value | humanizePercentage }}}} failed with a 5xx status{mean}.",
    )
