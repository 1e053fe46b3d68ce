"""The history keeps every sample, and the end of every series."""

import math
import random
from collections.abc import Iterator

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

import numpy as np

from sidelight.embedded.history.history import History
from sidelight.embedded.promql.storage import LabelMatcher
from tests.embedded.history.filled_history import (
    ENDED,
    MIB,
    Points,
    ScrapedTarget,
    lines,
    stored_samples,
)

HOUR = 3_600_000


@pytest.fixture
def history() -> History:
    return History(HOUR, 64 * MIB)


@pytest.fixture
def target(history: History) -> ScrapedTarget:
    return ScrapedTarget(history)


def test_samples_are_stored(history: History, target: ScrapedTarget) -> None:
    """Each value is stored at its time, with the target's labels and without empty labels."""
    target.step(5, 'up 1.0\nrequests_total{route="/a",error=""} 3\n')
    target.step(10, 'up 1.0\nrequests_total{route="/a",error=""} 4\n')
    assert stored_samples(history) == {
        "up": {5: 1, 10: 1},
        'requests_total{route="/a"}': {5: 3, 10: 4},
    }
    (reader,) = history.select([LabelMatcher("__name__", "=", "up")], -1, HOUR)
    assert reader.block(0).labels == [
        {"__name__": "up", "job": "shop", "instance": "127.0.0.1:9464"}
    ]


def test_ranges_are_open_on_the_left(history: History, target: ScrapedTarget) -> None:
    """A range excludes its start and includes its end, as in Prometheus 3."""
    for second in range(0, 60, 5):
        target.step(second, f"a {second}\n")
    assert stored_samples(history, 10, 25) == {"a": {15: 15, 20: 20, 25: 25}}
    assert stored_samples(history, 11, 14) == {}
    assert stored_samples(history, 55, 1000) == {}


def test_values_keep_every_bit(history: History, target: ScrapedTarget) -> None:
    """Fractions, huge numbers, minus zero, infinities and NaN keep their bits."""
    values = [0.1, 1e300, -1e-300, 2.0**53 + 2, -0.0, 0.0, math.inf, -math.inf, math.nan, 255.0]
    values += [256.0, 65_535.0, 65_536.0, 2.0**32, -5.0, 4_294_967_300.0]
    for second in range(200):
        target.step(second, lines({"a": values[second % len(values)], "b": second}))
    points = stored_samples(history)["a"]
    for second, value in points.items():
        expected = values[second % len(values)]
        assert np.array([value]).tobytes() == np.array([expected]).tobytes(), second
    assert len(points) == 200


def test_only_changes_are_stored(history: History, target: ScrapedTarget) -> None:
    """A thousand scrapes of an unchanged page take the memory of one."""
    page = lines({f'a{{n="{number}"}}': number for number in range(500)})
    target.step(0, page)
    assert history.stats.samples == 500
    before = history.stats.size
    for second in range(1, 1000):
        target.step(second, page)
    assert history.stats.samples == 500
    assert history.stats.size - before < 150_000
    assert sum(map(len, stored_samples(history).values())) == 500_000


def test_a_missing_series_ends(history: History, target: ScrapedTarget) -> None:
    """The first step without a sample has a staleness marker, later steps have nothing."""
    target.step(5, "a 1\nb 1\n")
    for second in (10, 15):
        target.step(second, "b 1\n")
    target.step(20, "a 1\nb 1\n")
    assert stored_samples(history)["a"] == {5: 1, 10: ENDED, 20: 1}
    assert stored_samples(history, 10, 17) == {"b": {15: 1}}


def test_a_series_begins_with_its_first_sample(history: History, target: ScrapedTarget) -> None:
    """A series has no sample before its first one."""
    for second in range(0, 500, 5):
        target.step(second, "b 1\n" + ("a 7\n" if second >= 400 else ""))
    assert min(stored_samples(history)["a"]) == 400
    assert "a" not in stored_samples(history, 0, 399)


def test_a_pause_of_scrapes_is_a_gap(history: History, target: ScrapedTarget) -> None:
    """Where no scrape was made there is neither a sample nor an end."""
    target.step(5, "a 1\n")
    target.step(600, "a 2\n")
    assert stored_samples(history) == {"a": {5: 1, 600: 2}}


def test_steps_of_the_past_are_ignored(history: History, target: ScrapedTarget) -> None:
    """A step that is not later than the last one is ignored."""
    target.step(10, "a 1\n")
    target.step(10, "a 2\n")
    target.step(9, "a 3\n")
    assert stored_samples(history) == {"a": {10: 1}}


def test_labels_of_the_target_win(history: History, target: ScrapedTarget) -> None:
    """A label with the name of a target's label is renamed to exported_, as in Prometheus."""
    target.step(5, 'a{job="inner",instance=""} 1\n')
    assert set(stored_samples(history)) == {'a{exported_job="inner"}'}


def test_exported_labels_do_not_collide(history: History, target: ScrapedTarget) -> None:
    """If the exported_ name is taken, the label gets a longer one, as in Prometheus."""
    target.step(0, 'a{job="inner",exported_job="outer"} 1\n')
    assert set(stored_samples(history)) == {'a{exported_exported_job="inner",exported_job="outer"}'}


def test_labels_are_unescaped(history: History, target: ScrapedTarget) -> None:
    """Quotes, backslashes, line breaks, braces and spaces may be in label values."""
    target.step(5, r'a{p="x\"y\\z\n{} # {b=\"1\"} 2"} 1' + "\n")
    (reader,) = history.select([], -1, HOUR)
    assert reader.block(0).labels[0]["p"] == 'x"y\\z\n{} # {b="1"} 2'


def test_exemplars_are_separate(history: History, target: ScrapedTarget) -> None:
    """A line with an exemplar is the same series as the line without it."""
    line = 'b_bucket{le="1.0"} 1'
    target.step(5, f'{line} # {{trace_id="x"}} 0.5 4.000\n')
    target.step(10, line.replace("} 1", "} 2") + "\n")
    assert stored_samples(history) == {'b_bucket{le="1.0"}': {5: 1, 10: 2}}
    (kept,) = target.exemplars.between(0, 10_000)
    assert (kept.exemplar.labels, kept.exemplar.value, kept.time) == ({"trace_id": "x"}, 0.5, 4000)


def _random_page(random_: random.Random, values: list[float]) -> dict[str, float]:
    """Change some values in each of several ways, and return a page without some series."""
    for number in range(len(values)):
        if random_.random() < number / len(values):
            values[number] = [
                values[number] + 1,
                random_.random(),
                float(random_.randrange(-5, 10**6)),
                random_.choice([math.inf, -0.0, 1e-9]),
            ][number % 4]
    return {f'm{{n="{n}"}}': v for n, v in enumerate(values) if random_.random() < 0.95}


@pytest.mark.parametrize("seed", range(3))
def test_ranges_equal_a_plain_list(history: History, seed: int) -> None:
    """After 300 random steps every time range has the samples of a list of all pages."""
    random_ = random.Random(seed)  # noqa: S311 the same in every run
    values, target = [0.0] * 60, ScrapedTarget(history)
    expected: dict[str, Points] = {}
    there: dict[str, float] = {}
    for second in range(300):
        page = _random_page(random_, values)
        target.step(second, lines(page))
        for key in there.keys() - page.keys():
            expected.setdefault(key, {})[second] = ENDED
        for key, value in page.items():
            expected.setdefault(key, {})[second] = value
        there = page
    for after, until in _ranges(random_):
        want = {
            key: {s: v for s, v in points.items() if after < s <= until}
            for key, points in expected.items()
        }
        assert stored_samples(history, after, until) == {k: p for k, p in want.items() if p}


def _ranges(random_: random.Random) -> Iterator[tuple[int, int]]:
    yield from [(-1, 300), (59, 60), (58, 61), (119, 240), (298, 299)]
    for _ in range(20):
        after = random_.randrange(300)
        yield after, after + random_.randrange(1, 300)


def test_snapshots_do_not_change(target: ScrapedTarget) -> None:
    """The samples of a reader do not change while steps are added and dropped and ids reused."""
    target.history.keep = 100_000
    for second in range(100):
        target.step(second, lines({f'old{{n="{n}"}}': second for n in range(50)}))
    readers = target.history.select([], -1, HOUR)
    for second in range(100, 1000):
        target.step(second, lines({f'new{{n="{n}"}}': second for n in range(80)}))
    block = readers[0].block(0)
    assert block.values.tolist() == [list(map(float, range(100)))] * 50
    assert {labels["__name__"] for labels in block.labels} == {"old"}


@pytest.mark.parametrize(
    ("matcher", "names"),
    [
        (LabelMatcher("n", "=", "1"), {'a{n="1"}'}),
        (LabelMatcher("n", "!=", "1"), {"b", 'a{n="12"}'}),
        (LabelMatcher("n", "=~", "1.?"), {'a{n="1"}', 'a{n="12"}'}),
        (LabelMatcher("n", "!~", "1"), {"b", 'a{n="12"}'}),
        (LabelMatcher("n", "=", ""), {"b"}),
        (LabelMatcher("n", "=~", ".*"), {"b", 'a{n="1"}', 'a{n="12"}'}),
        (LabelMatcher("n", "=~", ".+"), {'a{n="1"}', 'a{n="12"}'}),
        (LabelMatcher("missing", "=", "x"), set()),
        (LabelMatcher("__name__", "=~", "b|c"), {"b"}),
    ],
)
def test_matchers_select_series(
    history: History, target: ScrapedTarget, matcher: LabelMatcher, names: set[str]
) -> None:
    """A label that a series does not have is empty, and patterns match whole values."""
    target.step(5, 'a{n="1"} 1\na{n="12"} 1\nb 1\n')
    assert set(stored_samples(history, matchers=[matcher])) == names
