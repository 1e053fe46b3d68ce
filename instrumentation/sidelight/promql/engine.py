"""From a query's text to its answer."""

from sidelight.promql.errors import unsupported
from sidelight.promql.limits import Limits
from sidelight.promql.result import Result
from sidelight.promql.source import Source

NO_LIMITS_GIVEN = Limits()


def query(text: str, source: Source, at: int, limits: Limits = NO_LIMITS_GIVEN) -> Result:
    """The answer at one time (milliseconds), as Prometheus's ``/api/v1/query`` gives it."""
    raise unsupported(text)


def query_range(
    text: str,
    source: Source,
    start: int,
    end: int,
    step: int,
    limits: Limits = NO_LIMITS_GIVEN,
) -> Result:
    """The answers from ``start`` to ``end`` every ``step``, always a `Matrix`."""
    raise unsupported(text)
