"""The increase of a native histogram between samples, with the resets between them."""

from collections.abc import Sequence
from itertools import pairwise

from sidelight.embedded.promql.float_histogram import CUSTOM_BOUNDS, FloatHistogram
from sidelight.embedded.promql.histogram_arithmetic import (
    IncompatibleHistogramsError,
    add,
    subtract,
    with_schema,
)
from sidelight.embedded.promql.histogram_resets import was_reset


def gain_of_gauge(samples: Sequence[FloatHistogram]) -> FloatHistogram:
    """Return the last sample less the first. `IncompatibleHistogramsError` if they differ."""
    first, last = samples[0], samples[-1]
    return _difference(last, first, min(first.schema, last.schema))


class CounterSamples:
    """The samples of one counter; ``resets``: the positions of those before which it was reset."""

    def __init__(self, samples: Sequence[FloatHistogram]) -> None:
        self.samples = samples
        pairs = enumerate(pairwise(samples), 1)
        self.schemas = [one.schema for one in samples]
        self.uniform = len(set(self.schemas)) == 1
        self.resets = [at for at, (before, now) in pairs if was_reset(now, before)]

    def gain(self, low: int, high: int) -> FloatHistogram:
        """Return the increase over the samples from ``low`` up to ``high``, at least two.

        `IncompatibleHistogramsError` if the samples after the first reset have other buckets.
        """
        first, last = self._first(low), self.samples[high - 1]
        schema = first.schema if self.uniform else self._coarsest(first, low, high)
        total = _difference(last, first, schema)
        for at in self.resets:
            if low + 1 < at < high:
                total = add(total, self.samples[at - 1])
        return total

    def _coarsest(self, first: FloatHistogram, low: int, high: int) -> int:
        """Return the coarsest schema of samples."""
        schemas = {first.schema, *self.schemas[low + 1 : high]}
        if CUSTOM_BOUNDS in schemas and len(schemas) > 1:
            raise IncompatibleHistogramsError(mixed=True)
        return min(schemas)

    def _first(self, low: int) -> FloatHistogram:
        """Return the first sample; one without observations if a reset follows it."""
        if low + 1 not in self.resets:
            return self.samples[low]
        second = self.samples[low + 1]
        return FloatHistogram(second.schema, 0.0, 0.0, bounds=second.bounds)


def _difference(last: FloatHistogram, first: FloatHistogram, schema: int) -> FloatHistogram:
    if last.is_custom != first.is_custom:
        raise IncompatibleHistogramsError(mixed=True)
    return subtract(with_schema(last, schema), first)
