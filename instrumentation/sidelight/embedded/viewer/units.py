"""Grafana's units: how a panel writes a number, and the ticks of an axis.

The browser formats numbers by the same table (static/sidelight-units.js). As in Grafana, a number
has three significant digits, and a whole number has no decimals.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

ZERO: Final = 0.0
DIGITS: Final = 3
TICKS: Final = 4
"""The approximate number of intervals on an axis."""
SECOND_STEPS: Final = (
    60, 120, 300, 600, 1800, 3600, 7200, 21_600, 43_200, 86_400, 172_800, 604_800,
)  # fmt: skip
DECIMAL_STEPS: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True, slots=True)
class Unit:
    """How a number is written.

    ``scales`` are (least absolute value, divisor, suffix) in ascending order; the first also
    applies to smaller values, and 0 has the suffix ``zero``. If ``texts`` are set, they replace
    false and true.
    """

    scales: tuple[tuple[float, float, str], ...]
    zero: str = ""
    texts: tuple[str, str] | None = None
    binary: bool = False

    def to_json(self) -> dict[str, Any]:
        """The unit for the browser."""
        return asdict(self)


def _powers(base: float, suffixes: tuple[str, ...], first: int = 0) -> Unit:
    scales = tuple((base**at, base**at, text) for at, text in enumerate(suffixes, first))
    return Unit(scales, zero=suffixes[-first], binary=base == KIB)


def _suffix(suffix: str) -> Unit:
    return Unit(((0, 1, suffix),), zero=suffix)


KIB: Final = 1024
COUNTED: Final = ("", " K", " Mil", " Bil", " Tri")
SI: Final = ("n", "µ", "m", "", "k", "M", "G", "T", "P")
TIMES: Final = (
    (0, 1e-9, " ns"), (1e-6, 1e-6, " µs"), (1e-3, 1e-3, " ms"), (1, 1, " s"), (60, 60, " mins"),
    (3600, 3600, " hours"), (86_400, 86_400, " days"), (604_800, 604_800, " weeks"),
    (31_536_000, 3.15569e7, " years"),
)  # fmt: skip

PLURALS: Final = frozenset({" mins", " hours", " days", " weeks", " years"})


def _time(seconds: float) -> Unit:
    """Durations that are measured in a unit of so many seconds."""
    scales = tuple((low / seconds, size / seconds, text) for low, size, text in TIMES)
    return Unit(scales, zero=" s")


def _rate(suffix: str) -> Unit:
    return _powers(1000, tuple(f"{text.strip()} {suffix}" for text in ("", "K", "M", "B", "T")))


UNITS: Final = {
    "none": _suffix(""),
    "short": _powers(1000, COUNTED),
    "string": _suffix(""),
    "percent": _suffix("%"),
    "percentunit": Unit(((0, 0.01, "%"),), zero="%"),
    "s": Unit(TIMES, zero=" s"),
    "ms": _time(0.001),
    "bytes": _powers(KIB, (" B", " KiB", " MiB", " GiB", " TiB", " PiB")),
    "decbytes": _powers(1000, (" B", " kB", " MB", " GB", " TB", " PB")),
    "Bps": _powers(1000, (" B/s", " kB/s", " MB/s", " GB/s", " TB/s")),
    "reqps": _rate("req/s"),
    "cps": _rate("c/s"),
    "ops": _rate("ops/s"),
    "rps": _rate("rd/s"),
    "wps": _rate("wr/s"),
    "hertz": _powers(1000, tuple(f" {text}Hz" for text in SI), -3),
    "bool": Unit((), texts=("False", "True")),
    "bool_yes_no": Unit((), texts=("No", "Yes")),
    "bool_on_off": Unit((), texts=("Off", "On")),
}


def unit(name: str) -> Unit:
    """A unit by Grafana's id. As in Grafana, an unknown id is written after the number."""
    kind, _, rest = name.partition(":")
    if name in UNITS:
        return UNITS[name]
    if kind == "suffix":
        return _suffix(f" {rest}")
    return _suffix(f" {name}") if name else UNITS["none"]


def format_value(value: float, name: str = "none", decimals: int | None = None) -> str:
    """A number with its unit."""
    found = unit(name)
    if math.isnan(value):
        return "NaN"
    if found.texts:
        return found.texts[bool(value)]
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == ZERO:
        return _fixed(0, decimals) + found.zero
    size, suffix = _scale(found, abs(value))
    text = _fixed(value / size, decimals)
    return text + (suffix.removesuffix("s") if text == "1" and suffix in PLURALS else suffix)


def _scale(found: Unit, value: float) -> tuple[float, str]:
    fitting = [scale for scale in found.scales if scale[0] <= value] or [found.scales[0]]
    return fitting[-1][1:]


def _fixed(value: float, decimals: int | None = None) -> str:
    """A number with so many decimals, or with three significant digits."""
    value = even(value)  # 0.07 / 0.01 is 7, not 7.000000000000001
    if decimals is None:
        magnitude = 0 if value % 1 == 0 else math.floor(math.log10(abs(value)))
        decimals = 0 if value % 1 == 0 else max(0, DIGITS - 1 - magnitude)
    text = f"{math.floor(abs(value) * 10**decimals + 0.5) / 10**decimals:.{decimals}f}"
    return f"-{text}" if value < 0 and float(text) else text


def even(value: float, digits: int = 12) -> float:
    """A number without the error of its last digits."""
    return float(f"{value:.{digits}g}")


@dataclass(frozen=True, slots=True)
class Axis:
    """The ends of an axis, and the distance between its ticks."""

    low: float
    high: float
    step: float


def axis(
    extent: tuple[float, float], name: str, minimum: float | None, maximum: float | None
) -> Axis:
    """An axis for values between two numbers. ``minimum`` and ``maximum`` are configured ends."""
    low = extent[0] if minimum is None else minimum
    high = extent[1] if maximum is None else maximum
    if not high > low:
        high = low + (1 if low == 0 else abs(low))
    step = _axis_step((high - low) / TICKS, name)
    if minimum is None:
        low = math.floor(round(low / step, 9)) * step
    if maximum is None:
        high = math.ceil(round(high / step, 9)) * step
    return Axis(even(low), even(high), even(step))


def _axis_step(exact: float, name: str) -> float:
    """The least round step that is not below the exact one."""
    if name == "s" and exact > SECOND_STEPS[0] / 2:
        week = SECOND_STEPS[-1]
        steps = (float(step) for step in SECOND_STEPS if step >= exact)
        return next(steps, _decimal_step(exact / week) * week)
    if unit(name).binary and exact > 1:
        power = 1024 ** math.floor(math.log(exact, 1024))
        return float(2 ** math.ceil(math.log2(exact / power)) * power)
    return _decimal_step(exact)


def _decimal_step(exact: float) -> float:
    power = 10.0 ** math.floor(math.log10(exact))
    return float(next(step for step in DECIMAL_STEPS if step * power >= exact * (1 - 1e-9)) * power)
