"""Some steps of one stream: as they came, and sealed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from sidelight.embedded.history.part import Part, filled, found, newest, packed
from sidelight.embedded.history.words import Ids, Words

MOST_STEPS = 60
"""In a chunk; below 256, so that a byte says which."""
A_PART = 600
"""Bytes of a part besides its columns' own."""


class Step(NamedTuple):
    """What changed in one step; ids ascend."""

    ids: Ids
    values: Words


@dataclass(frozen=True, slots=True)
class Chunk:
    """``count`` steps, of which only changes are kept; ``size`` is in bytes."""

    count: int
    changes: int
    size: int
    parts: tuple[Part, ...]

    def after(self, values: Words) -> Words:
        """What all series are at its end; ``values`` is what they were, by id."""
        values = values.copy()
        for part in self.parts:
            values[part.rows] = newest(part, np.arange(len(part.rows)))
        return values

    def carried(self, ids: Ids, values: Words) -> Words:
        """What these series are at its end."""
        values = values.copy()
        for part in self.parts:
            mine, at = found(part, ids)
            values[mine] = newest(part, at)
        return values

    def filled(self, ids: Ids, values: Words) -> Words:
        """Every step of these series."""
        out = np.repeat(values, self.count).reshape(len(ids), self.count)
        for part in self.parts:
            mine, at = found(part, ids)
            if len(mine):
                out[mine] = filled(part, at, values[mine], self.count)
        return out


def sealed(steps: Sequence[Step]) -> Chunk:
    """One chunk of some steps."""
    ids = np.concatenate([step.ids for step in steps])
    values = np.concatenate([step.values for step in steps])
    lengths = [len(step.ids) for step in steps]
    number = np.repeat(np.arange(len(steps), dtype=np.uint8), lengths)
    order = np.argsort(ids, kind="stable")
    parts = packed(ids[order], number[order], values[order], len(steps))
    size = sum(part.size + A_PART for part in parts)
    return Chunk(len(steps), len(ids), size, tuple(parts))


def unsealed(steps: Sequence[Step], ids: Ids, values: Words) -> Words:
    """Every step of these series."""
    out = np.empty((len(ids), len(steps)), np.int64)
    values = values.copy()
    for number, step in enumerate(steps):
        if len(step.ids):
            at = np.minimum(np.searchsorted(step.ids, ids), len(step.ids) - 1)
            mine = np.flatnonzero(step.ids[at] == ids)
            values[mine] = step.values[at[mine]]
        out[:, number] = values
    return out
