"""Some steps of one stream, encoded as a chunk."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sidelight.embedded.history.encoding import (
    EncodedPart,
    SampleBits,
    SeriesIds,
    all_steps,
    encode_parts,
    last_values,
    positions,
)

MAX_STEPS = 60
"""Steps of a chunk; below 256, so that the number of a step is a byte."""
PART_OVERHEAD = 600
"""The bytes of a part besides its columns."""


class StreamStep(NamedTuple):
    """The values that changed in one step, sorted by id."""

    ids: SeriesIds
    values: SampleBits


@dataclass(frozen=True, slots=True)
class Chunk:
    """The changes of ``count`` steps; ``size`` is in bytes."""

    count: int
    changes: int
    size: int
    parts: tuple[EncodedPart, ...]

    def values_at_end(self, values: SampleBits) -> SampleBits:
        """Return the values of all series at its end, from those at its start, by id."""
        values = values.copy()
        for part in self.parts:
            values[part.rows] = last_values(part, np.arange(len(part.rows)))
        return values

    def last_values_of(self, ids: SeriesIds, values: SampleBits) -> SampleBits:
        """Return the values of these series at its end, from those at its start."""
        values = values.copy()
        for part in self.parts:
            matching, at = positions(part, ids)
            values[matching] = last_values(part, at)
        return values

    def all_steps(self, ids: SeriesIds, values: SampleBits) -> SampleBits:
        """Return the values of these series at every step."""
        out = np.repeat(values, self.count).reshape(len(ids), self.count)
        for part in self.parts:
            matching, at = positions(part, ids)
            if len(matching):
                out[matching] = all_steps(part, at, values[matching], self.count)
        return out


def make_chunk(steps: Sequence[StreamStep]) -> Chunk:
    """Encode some steps as a chunk."""
    ids = np.concatenate([step.ids for step in steps])
    values = np.concatenate([step.values for step in steps])
    lengths = [len(step.ids) for step in steps]
    number = np.repeat(np.arange(len(steps), dtype=np.uint8), lengths)
    order = np.argsort(ids, kind="stable")
    parts = encode_parts(ids[order], number[order], values[order], len(steps))
    size = sum(part.size + PART_OVERHEAD for part in parts)
    return Chunk(len(steps), len(ids), size, tuple(parts))


def head_steps(steps: Sequence[StreamStep], ids: SeriesIds, values: SampleBits) -> SampleBits:
    """Return the values of these series at every step of the head, which is not encoded."""
    out = np.empty((len(ids), len(steps)), np.int64)
    values = values.copy()
    for number, step in enumerate(steps):
        if len(step.ids):
            at = np.minimum(np.searchsorted(step.ids, ids), len(step.ids) - 1)
            matching = np.flatnonzero(step.ids[at] == ids)
            values[matching] = step.values[at[matching]]
        out[:, number] = values
    return out
