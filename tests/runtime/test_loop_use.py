"""Waits for a loop are charged to whose steps lay in them."""

from collections import Counter
from typing import Any, cast

import pytest

from sidelight.contract import Metric
from sidelight.runtime.loop_use import MOST_WAITS, LoopUse, Step, charges, limited


@pytest.mark.parametrize(
    ("waits", "steps", "charged"),
    [
        ([(0, 10)], [(0, 10, 1)], {1: 10}),
        ([(0, 10)], [(2, 5, 1), (5, 6, 2)], {1: 3, 2: 1}),
        ([(0, 10), (4, 10)], [(2, 5, 1)], {1: 4}),
        ([(5, 10)], [(0, 7, 1), (9, 20, 2)], {1: 2, 2: 1}),
        ([(0, 10), (20, 30)], [(5, 25, 1)], {1: 10}),
        ([(0, 10), (0, 10), (10, 20)], [(0, 20, 1)], {1: 30}),
        ([(5, 10)], [(0, 5, 1), (10, 12, 2)], {}),
        ([], [(0, 5, 1)], {}),
    ],
)
def test_charges(waits: list[tuple[int, int]], steps: list[Step], charged: dict[int, int]) -> None:
    """Each step is charged with all waits that it lay in."""
    assert charges(waits, steps) == charged


class Clock:
    """A clock whose loop was busy for as long as it is told."""

    def __init__(self) -> None:
        self.busy = self.routed = self.in_step = 0
        self.steps: list[Step] = []

    def beat(self, _: int) -> int:
        """How long the loop was busy since the last beat."""
        return self.busy

    def take_steps(self) -> list[Step]:
        """The steps since the last call."""
        return self.steps


class Use(LoopUse):
    """The use of a loop of which all is given."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.counted: Counter[tuple[str, str]] = Counter()
        super().__init__(cast("Any", self.clock), self._add)
        self.routes |= {1: "/a", 2: "/b"}

    def _add(self, metric: Metric, labels: tuple[str, ...], amount: int) -> None:
        self.counted[metric.name, labels[0]] += amount

    def after(self, busy: int, routed: int, steps: list[Step]) -> dict[tuple[str, str], int]:
        """What has been counted when a beat found this."""
        self.clock.busy, self.clock.steps = busy, steps
        self.clock.routed += routed
        self.beat(0)
        return dict(self.counted)


BUSY = "asyncio_event_loop_busy_seconds_total"
CAUSED = "fastapi_queue_seconds_caused_total"


def test_the_rest_has_no_route() -> None:
    """What no route was counted for has the empty route; a step over two beats counts once."""
    use = Use()
    assert use.after(100, 30, []) == {(BUSY, ""): 70}
    assert use.after(100, 150, []) == {(BUSY, ""): 70}
    assert use.after(100, 0, []) == {(BUSY, ""): 120}


def test_waits_are_charged_once() -> None:
    """All of a wait is charged, to the routes whose steps are known, or to no route."""
    use = Use()
    use.add_wait(0, 100)
    assert use.after(0, 0, [(0, 30, 1), (30, 70, 2), (70, 80, 3)]) == {
        (CAUSED, "/a"): 30,
        (CAUSED, "/b"): 40,
        (CAUSED, ""): 30,
    }
    before = dict(use.counted)
    assert use.after(0, 0, []) == before
    use.add_wait(60, 110)
    assert use.after(0, 0, [])[CAUSED, "/b"] == 50


def test_more_waits_than_are_remembered() -> None:
    """They have no route, and none is lost."""
    use = Use()
    for _ in range(MOST_WAITS + 5):
        use.add_wait(0, 10)
    assert use.after(0, 0, [(0, 10, 1)]) == {
        (CAUSED, "/a"): 10 * MOST_WAITS,
        (CAUSED, ""): 50,
    }


def test_samples_share_what_is_not_clocked() -> None:
    """A route has its share of the samples, of all time since the last beat."""
    use = Use()
    use.beat(0)
    for now, route in ((20, "/a"), (40, ""), (60, "/b"), (80, "/a")):
        use.add_sample(now, route)
    use.clock.busy, use.clock.routed = 80, 10
    use.beat(80)
    assert use.counted == {(BUSY, "/a"): 40, (BUSY, "/b"): 20, (BUSY, ""): 10}
    use.add_sample(90, "/a")
    use.clock.busy, use.clock.routed = 30, 35
    use.beat(90)
    assert use.counted == {(BUSY, "/a"): 45, (BUSY, "/b"): 20, (BUSY, ""): 10}


def test_waits_are_charged_to_samples() -> None:
    """The time before a sample is its route's; together no more than the waits are charged."""
    use = Use()
    use.add_wait(0, 100)
    use.add_wait(50, 100)
    for now, route in ((20, "/a"), (60, "/b"), (100, "")):
        use.add_sample(now, route)
    use.beat(100)
    caused = {route: ns for (name, route), ns in use.counted.items() if name == CAUSED}
    assert caused == {"/a": 20, "/b": 50, "": 80}


@pytest.mark.parametrize(
    ("parts", "whole", "found"),
    [
        ({"a": 3, "b": 1}, 8, {"a": 3, "b": 1}),
        ({"a": 3, "b": 1}, 2, {"a": 1, "b": 0}),
        ({}, 2, {}),
        ({"a": 0}, 0, {"a": 0}),
    ],
)
def test_limited(parts: dict[str, int], whole: int, found: dict[str, int]) -> None:
    """Parts that are more than the whole are all smaller by the same share."""
    assert limited(parts, whole) == found
