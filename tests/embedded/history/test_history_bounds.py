"""The history stays within its memory and its time span."""

import os
import random
import subprocess
import sys

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from sidelight.embedded.history.history import History
from sidelight.embedded.rules.recording import record_samples
from tests.embedded.history.filled_history import MIB, ScrapedTarget, lines, stored_samples

HOUR = 3_600_000
MEMORY = 2 * MIB


def test_old_samples_are_dropped() -> None:
    """All samples of the last hour are kept, and at most six minutes of older ones."""
    history = History(HOUR, 64 * MIB)
    target = ScrapedTarget(history)
    for second in range(0, 2 * 3600, 5):
        target.step(second, lines({"a": second}))
        if second % 60:
            continue
        points = stored_samples(history)["a"]
        assert min(points) <= max(0, second - 3600)
        assert min(points) >= second - 3600 - 360
    assert len(points) >= 720


def test_old_series_are_removed() -> None:
    """Series that ended more than an hour ago take no memory."""
    history = History(HOUR, 64 * MIB)
    target = ScrapedTarget(history)
    sizes = []
    for step in range(6 * 720):
        number = step // 10
        target.step(step * 5, lines({f'g{{worker="{number}"}}': step, "up": 1}))
        sizes.append((history.stats.series, history.stats.size))
    assert max(series for series, _ in sizes[1000:]) <= 85
    assert max(size for _, size in sizes[1000:]) <= 1.2 * max(size for _, size in sizes[:1000])
    assert len(history.values("worker", [])) + len(["up"]) == history.stats.series


def test_series_continue_after_a_restart() -> None:
    """While a service is away its series end; afterwards the same series continue."""
    history = History(HOUR, 64 * MIB)
    target = ScrapedTarget(history)
    for second in range(600):
        away = 200 <= second < 250
        target.step(second, lines({"up": 0.0 if away else 1.0, **({} if away else {"a": second})}))
    points = stored_samples(history)["a"]
    assert points[199] == 199
    assert points[200] == "ended"
    assert [second for second in range(600) if second not in points] == list(range(201, 250))
    assert history.stats.series == 2


def test_memory_is_bounded_by_dropping_the_oldest() -> None:
    """With less memory than the samples need, the newest are kept and none is skipped."""
    history = History(HOUR, MEMORY)
    target = ScrapedTarget(history)
    random_ = random.Random(1)  # noqa: S311 the same in every run
    for second in range(0, 3600, 5):
        target.step(second, lines({f'a{{n="{n}"}}': random_.random() for n in range(750)}))
        assert history.stats.size <= MEMORY
    points = stored_samples(history)['a{n="7"}']
    assert max(points) == 3595
    assert sorted(points) == list(range(min(points), 3600, 5))
    assert 150 < len(points) < 500
    assert history.skipped == 0


def test_too_many_series_are_skipped() -> None:
    """Too many new series displace the oldest samples; what then does not fit is counted."""
    history = History(HOUR, MEMORY)
    target = ScrapedTarget(history)
    for second in range(100):
        target.step(second, lines({f'a{{n="{second}-{n}"}}': 1.0 for n in range(750)}) + "up 1\n")
        assert history.stats.size <= MEMORY
    assert history.skipped > 25_000
    assert history.stats.series < 10_000
    assert max(stored_samples(history)["up"]) == 99


def test_ids_are_reused() -> None:
    """A series that gets the id of a removed one has none of its samples."""
    history = History(60_000, 64 * MIB)
    target = ScrapedTarget(history)
    for second in range(1000):
        target.step(second, lines({f'a{{n="{second // 50}"}}': second}))
    for key, points in stored_samples(history).items():
        number = int(key.split('"')[1])
        values = [value for value in points.values() if value != "ended"]
        assert values == [second for second in points if second // 50 == number]
    assert history.stats.series <= 5


def test_many_streams_share_the_memory() -> None:
    """Ten rules with too many series share the memory; what does not fit is counted."""
    history = History(HOUR, MEMORY)
    for second in range(30):
        for rule in range(10):
            rows = [({"__name__": f"r{rule}", "n": f"{second}-{n}"}, 1.0) for n in range(75)]
            record_samples(history, ("rule", rule), second * 1000, rows)
        assert history.stats.size <= MEMORY
    assert history.skipped > 0


def test_no_memory_for_any_sample() -> None:
    """A history without memory for any sample has a span of zero."""
    history = History(HOUR, 1)
    history.add(history.stream("one"), 1000, {})
    assert (history.stats.samples, history.stats.span) == (0, 0)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("series", "changes", "span"),
    [
        (10_000, "random", 2900),
        (10_000, "counting", 3595),
        (10_000, "still", 3595),
        (100_000, "random", 20),
    ],
)
def test_real_memory_is_bounded(series: int, changes: str, span: int) -> None:
    """The whole process takes at most 64 MiB more, however many values change in a step."""
    command = [
        sys.executable,
        "-m",
        "tests.embedded.history.fill_history",
        str(series),
        changes,
        str(9_000_000 // series),
    ]
    paths = {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=paths)
    most, size, seconds, _ = map(int, ended.stdout.split())
    print(f"\n{series} {changes}: {most / MIB:.1f} MiB, counted {size / MIB:.1f}, {seconds} s")  # noqa: T201 the figures, for whoever asks with -s
    assert size <= 64 * MIB
    assert most <= 64 * MIB
    assert seconds >= span
