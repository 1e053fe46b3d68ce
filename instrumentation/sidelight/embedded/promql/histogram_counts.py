"""Histograms of which a query needs the counts and sums only: their buckets are not read."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from sidelight.embedded.promql.ast import FunctionCall, Node, VectorSelector, children
from sidelight.embedded.promql.float_histogram import FloatHistogram, ResetHint
from sidelight.embedded.promql.frame import exist
from sidelight.embedded.promql.histogram_resets import was_reset
from sidelight.embedded.promql.storage import SampleBlock

_NEEDS_BUCKETS: Final = {
    "histogram_avg": False,
    "histogram_count": False,
    "histogram_fraction": True,
    "histogram_quantile": True,
    "histogram_sum": False,
}


def selector_of_counts(node: Node) -> VectorSelector | None:
    """Return the selector of which a query needs the counts and sums only; None if there is none.

    As in Prometheus 3.5, it is the first one in the query or none, and the query is no such
    function itself. Histograms without common buckets are then added too.
    """
    for inner in children(node):
        for selector, needed in _selectors(inner, needed=True):
            return None if needed else selector
    return None


def _selectors(node: Node, *, needed: bool) -> Iterator[tuple[VectorSelector, bool]]:
    """Yield the selectors, and whether buckets are needed of them."""
    if isinstance(node, VectorSelector):
        yield node, needed
    if isinstance(node, FunctionCall):
        needed = _NEEDS_BUCKETS.get(node.name, needed)
    for inner in children(node):
        yield from _selectors(inner, needed=needed)


def without_buckets(block: SampleBlock) -> SampleBlock:
    """Return a block whose histograms have no buckets; their hints say where a reset is."""
    if block.histograms is None:
        return block
    table = np.full(block.histograms.shape, None)
    for row, cells in enumerate(block.histograms):
        before: FloatHistogram | None = None
        for at in np.flatnonzero(exist(cells)).tolist():
            table[row, at] = FloatHistogram(
                0, cells[at].count, cells[at].sum, hint=_hint(cells[at], before)
            )
            before = cells[at]
    return replace(block, histograms=table)


def _hint(histogram: FloatHistogram, before: FloatHistogram | None) -> ResetHint:
    if histogram.hint != "unknown" or before is None:
        return histogram.hint
    return "reset" if was_reset(histogram, before) else "not_reset"
