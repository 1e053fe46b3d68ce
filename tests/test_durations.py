"""Durations are read and written as Prometheus does."""

import pytest

from sidelight.durations import to_milliseconds, to_seconds, to_text


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("500ms", 500),
        ("90s", 90_000),
        ("1h30m", 5_400_000),
        ("2w", 1_209_600_000),
        ("1y2w3d4h5m6s7ms", 33_019_506_007),
        ("٣m", None),
        ("", None),
        ("1", None),
        ("1.5h", None),
        ("-1m", None),
        ("1m 30s", None),
        ("30s1m", None),
        ("1m1m", None),
        ("400000y", None),
        ("9007199254740991ms", 9_007_199_254_740_991),
        ("9007199254740992ms", None),
        ("90071992547409910ms", None),
        ("1" + 5000 * "0" + "ms", None),
        (5000 * "0" + "5s", 5_000),
    ],
)
def test_a_duration_is_what_prometheus_takes_for_one(text: str, milliseconds: int | None) -> None:
    """Whole numbers, each unit once, the largest first; anything else raises ValueError."""
    if milliseconds is None:
        with pytest.raises(ValueError, match="duration"):
            to_milliseconds(text)
    else:
        assert to_milliseconds(text) == milliseconds
        assert to_seconds(text) == milliseconds / 1000


@pytest.mark.parametrize("text", ["0s", "1ms", "5m", "1h30m", "30d", "1d12h", "1m500ms"])
def test_what_is_written_is_read_back(text: str) -> None:
    """A written duration has each unit once, days at most."""
    assert to_text(to_milliseconds(text)) == text
