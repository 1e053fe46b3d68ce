"""Functions of each value by itself."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from sidelight.embedded.promql.frame import Floats

Function = Callable[..., Floats]


def _round(values: Floats, nearest: Floats | float = 1.0) -> Floats:
    """To a multiple of ``nearest``; halves go up. The inverse is used as Prometheus uses it."""
    inverse = 1.0 / np.asarray(nearest)
    return np.floor(values * inverse + 0.5) / inverse


def _sign(values: Floats) -> Floats:
    return np.where(values < 0, -1.0, np.where(values > 0, 1.0, values))


def at_least(values: Floats, low: Floats) -> Floats:
    """The greater of both; NaN if one is, unless the other is +Inf, as in Go."""
    endless = (values == np.inf) | (low == np.inf)
    return np.where(endless, np.inf, np.maximum(values, low))


def at_most(values: Floats, high: Floats) -> Floats:
    """The lesser of both; NaN if one is, unless the other is -Inf, as in Go."""
    endless = (values == -np.inf) | (high == -np.inf)
    return np.where(endless, -np.inf, np.minimum(values, high))


def _radians(values: Floats) -> Floats:
    return values * np.pi / 180


def _degrees(values: Floats) -> Floats:
    return values * 180 / np.pi


OF_VALUES: Final[dict[str, Any]] = {
    "abs": np.abs,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "clamp_max": at_most,
    "clamp_min": at_least,
    "cos": np.cos,
    "cosh": np.cosh,
    "deg": _degrees,
    "exp": np.exp,
    "floor": np.floor,
    "ln": np.log,
    "log10": np.log10,
    "log2": np.log2,
    "rad": _radians,
    "round": _round,
    "sgn": _sign,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}
"""Functions of n x s values and of any number of scalars at s steps."""
