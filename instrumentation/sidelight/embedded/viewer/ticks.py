"""Round ends and steps of an axis, in the steps of its unit."""

import math
from dataclasses import dataclass
from typing import Final

from sidelight.embedded.viewer.units import unit

LINES: Final = 4
"""About as many lines across a graph."""
MINUTES: Final = (60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800)
TENS: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Axis:
    """From where to where, and how far apart the lines are."""

    low: float
    high: float
    step: float


def axis(seen: tuple[float, float], name: str, least: float | None, most: float | None) -> Axis:
    """An axis around the values seen; ``least`` and ``most`` are ends that are set."""
    bottom = seen[0] if least is None else least
    top = seen[1] if most is None else most
    if not top > bottom:
        top = bottom + (1 if bottom == 0 else abs(bottom))
    step = stride((top - bottom) / LINES, name)
    if least is None:
        bottom = math.floor(round(bottom / step, 9)) * step
    if most is None:
        top = math.ceil(round(top / step, 9)) * step
    return Axis(_even(bottom), _even(top), _even(step))


def stride(exact: float, name: str) -> float:
    """The round step that is at least so large."""
    if name == "s" and exact > MINUTES[0] / 2:
        return next(
            (float(one) for one in MINUTES if one >= exact), _tens(exact / 604_800) * 604_800
        )
    if unit(name).binary and exact > 1:
        whole = math.floor(math.log(exact, 1024))
        return float(2 ** math.ceil(math.log2(exact / 1024**whole)) * 1024**whole)
    return _tens(exact)


def _tens(exact: float) -> float:
    power = 10.0 ** math.floor(math.log10(exact))
    return float(next(one for one in TENS if one * power >= exact * (1 - 1e-9)) * power)


def _even(value: float) -> float:
    return float(f"{value:.12g}")
