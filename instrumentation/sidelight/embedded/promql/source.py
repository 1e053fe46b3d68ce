"""Where the engine has its samples from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

STALE_BITS: Final = 0x7FF0_0000_0000_0002
"""A NaN with these bits says that a series has ended; the same as Prometheus's own.

https://github.com/prometheus/prometheus/blob/main/model/value/value.go
"""
ABSENT_BITS: Final = 0x7FF0_0000_0000_0003
"""A NaN with these bits: no sample of this series at this time."""


class Matcher(NamedTuple):
    """One condition of a selector. A label that a series lacks has the value ""."""

    name: str
    op: Literal["=", "!=", "=~", "!~"]
    value: str


@dataclass(frozen=True, slots=True)
class Block:
    """Series that were sampled at the same times.

    ``labels``: of each series, with ``__name__`` and without empty ones; n in number.
    ``times``: milliseconds since the epoch, ascending; t in number.
    ``values``: n rows of t; `STALE_BITS` and `ABSENT_BITS` are to be told from other NaN by
    their bits (``values.view(np.int64)``): copies keep them, arithmetic does not.
    """

    labels: Sequence[Mapping[str, str]]
    times: NDArray[np.int64]
    values: NDArray[np.float64]


class Source(Protocol):
    """Samples that can be selected."""

    def select(self, matchers: Sequence[Matcher], after: int, until: int) -> Sequence[Block]:
        """What matches, with its samples of ``after`` < time <= ``until`` (milliseconds).

        A series is in one block only, even if it had a pause.
        """
        ...
