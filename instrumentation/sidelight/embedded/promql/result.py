"""What a query answers: Prometheus's four types of results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number; ``time`` in milliseconds since the epoch, as everywhere here."""

    time: int
    value: float


@dataclass(frozen=True, slots=True)
class String:
    """One text."""

    time: int
    value: str


@dataclass(frozen=True, slots=True)
class Vector:
    """Series with one value each: n label sets, n values, in the order to be shown."""

    labels: Sequence[Labels]
    time: int
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Matrix:
    """Series with values at times: n label sets, t times, n x t values.

    Where ``present`` (n x t) is false there is no value. Every series has at least one.
    """

    labels: Sequence[Labels]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    present: NDArray[np.bool_]


Result = Scalar | String | Vector | Matrix
