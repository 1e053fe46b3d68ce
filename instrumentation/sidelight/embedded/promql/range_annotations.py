"""What is said about functions of a range vector."""

from collections.abc import Iterator
from functools import partial
from typing import Final

import numpy as np

from sidelight.embedded.promql.annotations import Annotations, is_named_as_counter
from sidelight.embedded.promql.ast import FunctionCall, SubqueryExpr
from sidelight.embedded.promql.frame import METRIC_NAME, Floats, Frame, LabelSets

COUNTER_RATES: Final = frozenset({"rate", "increase"})


def annotate_range(
    annotations: Annotations, call: FunctionCall, parts: list[Frame], scalars: list[Floats]
) -> None:
    """Say what is doubtful about a function's series and scalars; ``parts`` are its results."""
    if call.name in COUNTER_RATES:
        for name in _non_counters(parts):
            annotations.possible_non_counter(name, range_position(call))
    elif call.name == "quantile_over_time":
        used = [part.present.any(axis=0) for part in parts]
        quantiles = scalars[0][np.logical_or.reduce(used)] if used else ()
        annotations.invalid_quantiles(np.unique(quantiles).tolist(), call.starts[0])


def range_position(call: FunctionCall) -> int:
    """Return where the first argument begins; a subquery has no position."""
    return 0 if isinstance(call.args[0], SubqueryExpr) else call.starts[0]


def _non_counters(parts: list[Frame]) -> Iterator[str]:
    """Yield the names of series with a rate that are not named as counters."""
    for part in parts:
        rows = part.series.cached("non-counters", partial(_named_otherwise, part.series))
        yield from {name for row, name in rows if part.present[row].any()}


def _named_otherwise(series: LabelSets) -> list[tuple[int, str]]:
    names = [labels.get(METRIC_NAME, "") for labels in series.labels]
    return [(row, name) for row, name in enumerate(names) if not is_named_as_counter(name)]
