"""What one query may select of the history, and what others do meanwhile."""

import threading

import pytest

from sidelight.embedded.history import selection
from sidelight.embedded.history.history import History
from sidelight.embedded.history.selection import Selection
from sidelight.embedded.promql.errors import QueryError
from sidelight.embedded.promql.limits import TOO_MANY, Limits
from sidelight.embedded.promql.source import Matcher
from tests.embedded.history.remembered import MIB, Sampled, lines

ALL = [Matcher("__name__", "=", "a")]


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> History:
    """A hundred samples, of which fifty are many."""
    monkeypatch.setattr(selection, "LIGHT", 50)
    found = History(3_600_000, 64 * MIB)
    target = Sampled(found)
    for second in range(10):
        target.step(second, lines({f'a{{n="{n}"}}': n for n in range(10)}))
    return found


def test_a_query_may_select_so_many_in_all(history: History) -> None:
    """What it selects again counts again; past the limit it is refused in Prometheus's words."""
    with Selection(history, Limits(samples=150)) as source:
        assert sum(block.values.size for block in source.select(ALL, -1, 10_000)) == 100
        assert sum(block.values.size for block in source.select(ALL, 4_000, 10_000)) == 50
        with pytest.raises(QueryError, match=TOO_MANY) as caught:
            source.select(ALL, 8_000, 10_000)
    assert caught.value.kind == "execution"


def test_one_large_query_runs_at_a_time(history: History) -> None:
    """A second one waits until the first has ended, a small one doesn't."""
    done: list[str] = []

    def second() -> None:
        with Selection(history, Limits(seconds=60)) as source:
            source.select(ALL, -1, 10_000)
            done.append("second")

    thread = threading.Thread(target=second)
    with Selection(history, Limits()) as source:
        source.select(ALL, -1, 10_000)
        thread.start()
        with Selection(history, Limits(seconds=0)) as small:
            assert len(small.select(ALL, 4_000, 10_000)) == 1
        done.append("first")
    thread.join(60)
    assert done == ["first", "second"]


def test_a_large_query_does_not_wait_for_ever(history: History) -> None:
    """When its time is up it is refused, and the one that runs is not disturbed."""
    with Selection(history, Limits()) as source:
        blocks = source.select(ALL, -1, 10_000)
        with (
            Selection(history, Limits(seconds=0.05)) as late,
            pytest.raises(QueryError, match="timed out in query queue") as caught,
        ):
            late.select(ALL, -1, 10_000)
        assert caught.value.kind == "timeout"
        assert sum(block.values.size for block in blocks) == 100
    with Selection(history, Limits(seconds=0.05)) as free:
        assert len(free.select(ALL, -1, 10_000)) == 1
