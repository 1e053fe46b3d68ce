"""Operators between two numbers each."""

from typing import Final

import numpy as np

from sidelight.embedded.promql.frame import Bools, Floats

ARITHMETIC: Final[dict[str, np.ufunc]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,  # the sign is the dividend's
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISONS: Final[dict[str, np.ufunc]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


def operate(op: str, left: Floats, right: Floats, *, truth: bool) -> tuple[Floats, Bools | None]:
    """The values, and which of them a comparison lets through (None: all).

    A comparison lets the left values through; with ``truth`` it gives 1 or 0 instead.
    """
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right), None
    chosen: Bools = COMPARISONS[op](left, right)
    if truth:
        return chosen.astype(float), None
    return left, chosen
