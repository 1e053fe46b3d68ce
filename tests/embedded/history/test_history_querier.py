"""The limits of the samples that one query selects, and large queries one at a time."""

import threading

import pytest

pytest.importorskip("numpy", reason="the extra history is not installed")

from sidelight.embedded.history.history import History, HistoryQuerier
from sidelight.embedded.promql.limits import TOO_MANY, QueryError, QueryLimits
from sidelight.embedded.promql.storage import LabelMatcher
from tests.embedded.history.filled_history import MIB, ScrapedTarget, lines

ALL = [LabelMatcher("__name__", "=", "a")]


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> History:
    """A history of a hundred samples, of which fifty are a large query."""
    monkeypatch.setattr("sidelight.embedded.history.history.LARGE_QUERY", 50)
    found = History(3_600_000, 64 * MIB)
    target = ScrapedTarget(found)
    for second in range(10):
        target.step(second, lines({f'a{{n="{n}"}}': n for n in range(10)}))
    return found


def test_the_samples_of_a_query_are_limited(history: History) -> None:
    """Samples selected twice count twice; above the limit the query fails as in Prometheus."""
    with HistoryQuerier(history, QueryLimits(samples=150)) as source:
        assert sum(block.values.size for block in source.select(ALL, -1, 10_000)) == 100
        assert sum(block.values.size for block in source.select(ALL, 4_000, 10_000)) == 50
        with pytest.raises(QueryError, match=TOO_MANY) as caught:
            source.select(ALL, 8_000, 10_000)
    assert caught.value.kind == "execution"


def test_one_large_query_runs_at_a_time(history: History) -> None:
    """A second large query waits until the first has ended; a small one does not wait."""
    done: list[str] = []

    def second() -> None:
        with HistoryQuerier(history, QueryLimits(seconds=60)) as source:
            source.select(ALL, -1, 10_000)
            done.append("second")

    thread = threading.Thread(target=second)
    with HistoryQuerier(history, QueryLimits()) as source:
        source.select(ALL, -1, 10_000)
        thread.start()
        with HistoryQuerier(history, QueryLimits(seconds=0)) as small:
            assert len(small.select(ALL, 4_000, 10_000)) == 1
        done.append("first")
    thread.join(60)
    assert done == ["first", "second"]


def test_a_waiting_query_times_out(history: History) -> None:
    """A large query that waits too long is refused, and the running one is not disturbed."""
    with HistoryQuerier(history, QueryLimits()) as source:
        blocks = source.select(ALL, -1, 10_000)
        with (
            HistoryQuerier(history, QueryLimits(seconds=0.05)) as late,
            pytest.raises(QueryError, match="timed out in query queue") as caught,
        ):
            late.select(ALL, -1, 10_000)
        assert caught.value.kind == "timeout"
        assert sum(block.values.size for block in blocks) == 100
    with HistoryQuerier(history, QueryLimits(seconds=0.05)) as free:
        assert len(free.select(ALL, -1, 10_000)) == 1
