"""Grafana's units: numbers as its panels write them.

A unit is a table that the browser reads too (static/units.js), so that an axis and a table say the
same. Decimals are Grafana's: three digits that count, none for whole numbers.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Final

ZERO: Final = 0.0
DIGITS: Final = 3


@dataclass(frozen=True, slots=True)
class Unit:
    """How a number is written.

    ``scales`` are (from which absolute value on, divided by what, suffix), the smallest first; the
    first also serves what is smaller, and zero has ``zero`` as its suffix. ``words`` are what is
    written for false and true in place of a number.
    """

    scales: tuple[tuple[float, float, str], ...]
    zero: str = ""
    words: tuple[str, str] | None = None
    binary: bool = False

    def plain(self) -> dict[str, Any]:
        """For the browser."""
        return asdict(self)


def _powers(base: float, suffixes: tuple[str, ...], first: int = 0) -> Unit:
    scales = tuple((base**at, base**at, text) for at, text in enumerate(suffixes, first))
    return Unit(scales, zero=suffixes[-first], binary=base == KIB)


def _plain(suffix: str) -> Unit:
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


def _shifted(by: float) -> Unit:
    """Durations that are measured in another unit than seconds."""
    return Unit(tuple((low / by, size / by, text) for low, size, text in TIMES), zero=" s")


def _rate(suffix: str) -> Unit:
    return _powers(1000, tuple(f"{text.strip()} {suffix}" for text in ("", "K", "M", "B", "T")))


UNITS: Final = {
    "none": _plain(""),
    "short": _powers(1000, COUNTED),
    "string": _plain(""),
    "percent": _plain("%"),
    "percentunit": Unit(((0, 0.01, "%"),), zero="%"),
    "s": Unit(TIMES, zero=" s"),
    "ms": _shifted(0.001),
    "bytes": _powers(KIB, (" B", " KiB", " MiB", " GiB", " TiB", " PiB")),
    "decbytes": _powers(1000, (" B", " kB", " MB", " GB", " TB", " PB")),
    "Bps": _powers(1000, (" B/s", " kB/s", " MB/s", " GB/s", " TB/s")),
    "reqps": _rate("req/s"),
    "cps": _rate("c/s"),
    "ops": _rate("ops/s"),
    "rps": _rate("rd/s"),
    "wps": _rate("wr/s"),
    "hertz": _powers(1000, tuple(f" {text}Hz" for text in SI), -3),
    "bool": Unit((), words=("False", "True")),
    "bool_yes_no": Unit((), words=("No", "Yes")),
    "bool_on_off": Unit((), words=("Off", "On")),
}


def unit(name: str) -> Unit:
    """A unit by Grafana's id; one that isn't known is written behind the number, as there."""
    kind, _, rest = name.partition(":")
    if name in UNITS:
        return UNITS[name]
    if kind == "suffix":
        return _plain(f" {rest}")
    return _plain(f" {name}") if name else UNITS["none"]


def shown(value: float, name: str = "none", decimals: int | None = None) -> str:
    """A number as a reader sees it."""
    found = unit(name)
    if math.isnan(value):
        return "NaN"
    if found.words:
        return found.words[bool(value)]
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == ZERO:
        return fixed(0, decimals) + found.zero
    size, suffix = _scale(found, abs(value))
    text = fixed(value / size, decimals)
    return text + (suffix.removesuffix("s") if text == "1" and suffix in PLURALS else suffix)


def _scale(found: Unit, value: float) -> tuple[float, str]:
    fitting = [one for one in found.scales if one[0] <= value] or [found.scales[0]]
    return fitting[-1][1:]


def fixed(value: float, decimals: int | None = None) -> str:
    """With so many decimals; with as many as its size needs where none are given."""
    value = float(f"{value:.12g}")  # 0.07 / 0.01 is 7, and no 7.000000000000001
    places = auto_decimals(value) if decimals is None else decimals
    text = f"{math.floor(abs(value) * 10**places + 0.5) / 10**places:.{places}f}"
    return f"-{text}" if value < 0 and float(text) else text


def auto_decimals(value: float) -> int:
    """How many decimals a number needs for three digits that count; none where it is whole."""
    return 0 if value % 1 == 0 else max(0, DIGITS - 1 - math.floor(math.log10(abs(value))))
