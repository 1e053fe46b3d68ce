"""Numbers are formatted as Grafana's panels format them."""

import math

import pytest

from sidelight.embedded.viewer.units import format_value

CASES = [
    (0, "s", None, "0 s"), (0.0000005, "s", None, "500 ns"), (0.00042, "s", None, "420 µs"),
    (0.0254, "s", None, "25.4 ms"), (0.224, "s", None, "224 ms"), (1.5, "s", None, "1.50 s"),
    (59.9, "s", None, "59.9 s"), (60, "s", None, "1 min"), (1290, "s", None, "21.5 mins"),
    (5400, "s", None, "1.50 hours"), (172_800, "s", None, "2 days"),
    (604_800, "s", None, "1 week"), (3_132_864, "s", None, "5.18 weeks"),
    (-0.25, "s", None, "-250 ms"), (2.5, "s", 0, "3 s"), (0.00474, "percentunit", None, "0.474%"),
    (1, "percentunit", None, "100%"), (0.07, "percentunit", None, "7%"),
    (0.99, "percentunit", 3, "99.000%"), (0, "percentunit", None, "0%"),
    (12.345, "percent", None, "12.3%"), (15.73, "reqps", None, "15.7 req/s"),
    (0.0339, "reqps", None, "0.0339 req/s"), (1234.5, "reqps", None, "1.23K req/s"),
    (2_000_000, "cps", None, "2M c/s"), (0, "cps", None, "0 c/s"), (999, "short", None, "999"),
    (1714, "short", None, "1.71 K"), (2_500_000, "short", None, "2.50 Mil"),
    (0.453, "short", None, "0.453"), (0.0000001, "short", None, "0.000000100"),
    (1, "short", 0, "1"), (0, "bytes", None, "0 B"), (512, "bytes", None, "512 B"),
    (1536, "bytes", None, "1.50 KiB"), (133_169_152, "bytes", None, "127 MiB"),
    (1.5e9, "decbytes", None, "1.50 GB"), (1, "bool_yes_no", None, "Yes"),
    (0, "bool_yes_no", None, "No"), (3, "parrots", None, "3 parrots"),
    (3, "suffix:/min", None, "3 /min"), (3.14159, "none", None, "3.14"), (3.14159, "", 1, "3.1"),
    (math.inf, "s", None, "∞"), (-math.inf, "s", None, "-∞"), (math.nan, "s", None, "NaN"),
    (1500, "ms", None, "1.50 s"), (12.5, "hertz", None, "12.5 Hz"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "unit", "decimals", "text"), CASES)
def test_format_value(value: float, unit: str, decimals: int | None, text: str) -> None:
    """A number has three significant digits or the decimals given, and the unit's scale."""
    assert format_value(value, unit, decimals) == text
