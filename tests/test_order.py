"""The order in which tests run."""

from typing import Any, cast

import pytest

from tests.order import LONG_GROUPS, ordered


class Item:
    """A test of a name, with marks."""

    def __init__(self, name: str, *marks: pytest.MarkDecorator) -> None:
        self.name, self.marks = name, [mark.mark for mark in marks]

    def iter_markers(self, name: str) -> list[pytest.Mark]:
        """Its marks of one name."""
        return [mark for mark in self.marks if mark.name == name]

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        """Its first mark of one name."""
        return next(iter(self.iter_markers(name)), None)


def names(*items: Item, taking_turns: bool) -> list[str]:
    """The names of tests in their order."""
    found: Any = ordered(cast("list[pytest.Item]", items), taking_turns=taking_turns)
    return [item.name for item in found]


OTHERS = [Item(f"other-{n}") for n in range(8)]
LIVE = [Item(f"live-{n}", pytest.mark.live) for n in range(4)]
LONG = [Item(name, pytest.mark.live, pytest.mark.xdist_group(name)) for name in LONG_GROUPS]


def test_in_one_process_the_tests_of_servers_come_before_the_others() -> None:
    """Long groups come first, in the order of their list, and modules are not mixed."""
    found = names(*OTHERS, *LIVE, *reversed(LONG), taking_turns=False)
    assert found == [*LONG_GROUPS, *(item.name for item in (*LIVE, *OTHERS))]


def test_in_several_processes_tests_of_servers_and_others_take_turns() -> None:
    """After each test of servers come two of the others, and so the last test is of the others."""
    found = names(*OTHERS, *LIVE, *LONG, taking_turns=True)
    assert found[: len(LONG)] == list(LONG_GROUPS)
    kinds = [name.partition("-")[0] for name in found[len(LONG) :]]
    assert kinds == ["live", "other", "other"] * 4
