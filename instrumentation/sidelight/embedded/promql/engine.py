"""From a query's text to its answer."""

import numpy as np

from sidelight.embedded.promql import answers, syntax
from sidelight.embedded.promql.errors import wrong
from sidelight.embedded.promql.evaluation import Evaluation, check
from sidelight.embedded.promql.limits import Budget, Limits
from sidelight.embedded.promql.parsing import parse
from sidelight.embedded.promql.result import Matrix, Result
from sidelight.embedded.promql.selection import Selection
from sidelight.embedded.promql.source import Source

DEFAULT = Limits()


def query(text: str, source: Source, at: int, limits: Limits = DEFAULT) -> Result:
    """The answer at one time (milliseconds), as Prometheus's ``/api/v1/query`` gives it.

    `QueryError` if there is none.
    """
    node = understood(text, limits)
    steps = np.array([at], np.int64)
    evaluation = Evaluation(Selection(source, Budget(limits)), steps, at, at)
    with np.errstate(all="ignore"):  # what is divided by zero has a value in PromQL
        return answers.instant(node, evaluation, at)


def query_range(  # noqa: PLR0913, PLR0917 # a query, its times and its limits
    text: str, source: Source, start: int, end: int, step: int, limits: Limits = DEFAULT
) -> Matrix:
    """The answers from ``start`` to ``end`` every ``step`` milliseconds.

    `QueryError` if there is none.
    """
    if step <= 0:
        raise wrong(
            "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    if end < start:
        raise wrong("end timestamp must not be before start time")
    budget = Budget(limits)
    budget.steps((end - start) // step)
    node = understood(text, limits)
    steps = np.arange(start, end + 1, step, dtype=np.int64)
    evaluation = Evaluation(Selection(source, budget), steps, start, end)
    with np.errstate(all="ignore"):  # as above
        return answers.ranged(node, evaluation)


def understood(text: str, limits: Limits = DEFAULT) -> syntax.Node:
    """The tree of a query that could be answered. `QueryError` says why another could not."""
    node = parse(text, limits)
    check(node)
    return node
