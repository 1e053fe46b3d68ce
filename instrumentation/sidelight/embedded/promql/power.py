"""The operator ``^``, rounded as by Go's ``math.Pow`` where the exponent is whole, 0.5 or -0.5.

Go multiplies squares of the base and rounds each product; C rounds once.
https://pkg.go.dev/math#Pow
"""

from typing import Final

import numpy as np

from sidelight.embedded.promql.frame import Floats

_MOST: Final = 2.0**53
"""From here on a result is 0, 1 or infinite, and is not rounded."""
_OVERFLOW: Final = 1 << 12
"""A power of 2 that is beyond all floats."""


def power(base: Floats, exponent: Floats) -> Floats:
    """Return ``base ^ exponent``. With other fractions the last digits may differ from Go's."""
    base, exponent = np.broadcast_arrays(base, exponent)
    made: Floats = np.power(base, exponent)
    plain = np.isfinite(base) & (base != 0)
    half = plain & (np.abs(exponent) == 0.5)  # noqa: PLR2004 # a square root
    made[half] = _inverted(np.sqrt(base[half]), exponent[half])
    whole = plain & (np.trunc(exponent) == exponent) & (np.abs(exponent) < _MOST)
    made[whole] = _whole_power(base[whole], exponent[whole])
    return made


def _inverted(values: Floats, exponent: Floats) -> Floats:
    return np.where(exponent < 0, 1 / values, values)


def _whole_power(base: Floats, exponent: Floats) -> Floats:
    """Multiply those squares that the bits of the exponent select, from the lowest bit.

    Fractions and powers of 2 are kept apart, so that no product overflows.
    """
    rest = np.abs(exponent).astype(np.int64)
    square, scale = np.frexp(base)
    product, total = np.ones(base.shape), np.zeros(base.shape, np.int32)
    while rest.any():
        beyond = np.abs(scale) > _OVERFLOW
        total += np.where(beyond & (rest > 0), scale, 0)
        rest[beyond] = 0
        odd = rest & 1 == 1
        product = np.where(odd, product * square, product)
        total += np.where(odd, scale, 0)
        square = square * square
        small = square < 0.5  # noqa: PLR2004 # a fraction is from 0.5 to 1
        square = np.where(small, square * 2, square)
        scale = np.where(beyond, scale, scale * 2 - small)
        rest >>= 1
    made: Floats = np.ldexp(_inverted(product, exponent), np.where(exponent < 0, -total, total))
    return made
