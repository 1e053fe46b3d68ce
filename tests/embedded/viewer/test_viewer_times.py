"""Ranges, steps and windows are those that Grafana asks Prometheus with."""

import pytest

from sidelight.embedded.viewer.times import (
    Range,
    Steps,
    aligned,
    between,
    moment,
    seconds,
    steps,
    written,
)

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"), [("now", NOW), ("now-1h", NOW - 3600), ("1767225600000", 1767225600)]
)
def test_moments(text: str, expected: float) -> None:
    """A moment is relative to now, or milliseconds since 1970."""
    assert moment(text, NOW) == expected


@pytest.mark.parametrize("text", ["", "yesterday", "now-1", "now+1h", "17", "now/d", "-5"])
def test_no_moments(text: str) -> None:
    """Anything else is refused with an example."""
    with pytest.raises(ValueError, match="for example now, now-1h"):
        moment(text, NOW)


@pytest.mark.parametrize(("since", "until"), [("now", "now"), ("now", "now-1h"), ("now-9y", "now")])
def test_no_ranges(since: str, until: str) -> None:
    """A range that is empty, backwards or longer than five years is refused."""
    with pytest.raises(ValueError, match="is no range"):
        between(since, until, NOW)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("15s", 15), ("1m", 60), ("1h30m", 5400), ("250ms", 0.25), ("1.5h", 5400)],
)
def test_durations(text: str, expected: float) -> None:
    """Durations as Grafana and Prometheus write them."""
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "5", "m", "5 m", "5x", "-5m"])
def test_no_durations(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="is no duration"):
        seconds(text)


@pytest.mark.parametrize(
    ("length", "text"), [(15, "15s"), (60, "1m"), (90, "90s"), (7200, "2h"), (0.5, "500ms")]
)
def test_durations_written(length: float, text: str) -> None:
    """They are written in the largest unit that is whole."""
    assert written(length) == text


@pytest.mark.parametrize(
    ("length", "points", "least", "expected"),
    [
        # Grafana 12, an hour at 700 points: 5 s, so the least step of 15 s; a rate over 4 scrapes.
        (3600, 700, 15, Steps(15, 60, 3600)),
        (3600, 700, 60, Steps(60, 240, 3600)),
        # A day at 700 points is 123 s: rounded to 2 minutes; the window is a step and a scrape.
        (86_400, 700, 15, Steps(120, 135, 86_400)),
        (86_400, 300, 15, Steps(300, 315, 86_400)),
        # Without a least step a scrape is taken to be every 15 s.
        (300, 600, 0, Steps(0.5, 60, 300)),
        (604_800, 1000, 15, Steps(600, 615, 604_800)),
    ],
)
def test_steps(length: float, points: int, least: float, expected: Steps) -> None:
    """The step is Grafana's round one, and never below the least; rates have room for 4 scrapes."""
    assert steps(length, points, least) == expected


def test_no_more_points_than_prometheus_allows() -> None:
    """However wide a screen: 11,000 points a series are the most."""
    found = steps(5 * 31_536_000, 100_000, 0)
    assert 5 * 31_536_000 / found.step <= 11_000


def test_ends_are_on_whole_steps() -> None:
    """Both ends go down to a whole step, so that two refreshes ask for the same points."""
    assert aligned(Range(1003, 1061), 15) == Range(990, 1050)
