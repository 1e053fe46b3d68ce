"""The same question to several: when it is asked, and what came of it."""

import re
from typing import Final, NamedTuple

from tests.promql import ours
from tests.promql.answers import Answer, chosen_otherwise, difference
from tests.promql.blocks import Memory
from tests.promql.referees import Referee

CHOICE: Final = re.compile(r"\A(?:topk|bottomk)(?: (?:by|without) \([^()]*\))? ?\((\S+), (.*)\)\Z")
"""A query that is nothing but the best few of something."""


class When(NamedTuple):
    """At one time, or from ``start`` to ``end`` every ``step`` (0: only at ``start``); in ms."""

    start: int
    end: int = 0
    step: int = 0


class Court(NamedTuple):
    """A Prometheus and the source that has the same samples."""

    referee: Referee
    source: Memory

    def theirs(self, query: str, when: When) -> Answer:
        if when.step:
            return self.referee.ask_range(query, *when)
        return self.referee.ask(query, when.start)

    def ours(self, query: str, when: When) -> Answer:
        if when.step:
            return ours.ask_range(query, self.source, *when)
        return ours.ask(query, self.source, when.start)

    def verdict(self, query: str, when: When) -> "Verdict":
        """Both answers."""
        return Verdict(query, when, self.theirs(query, when), self.ours(query, when), self)


class Verdict(NamedTuple):
    """What both said to one query at one time."""

    query: str
    when: When
    theirs: Answer
    ours: Answer
    court: Court

    @property
    def refused(self) -> bool:
        """Whether ours said that it can't do this, where theirs could."""
        return ours.REFUSED in self.ours.message and not self.theirs.error

    @property
    def wrong(self) -> str:
        """How they differ; "" where they don't, or ours was refused by name."""
        if self.refused:
            return ""
        found = difference(self.theirs, self.ours)
        choice = CHOICE.match(self.query)
        if found and choice:
            among = self.court.theirs(choice[2], self.when)
            if chosen_otherwise(self.theirs, self.ours, among):
                return ""
        return found

    @property
    def sort(self) -> str:
        """What of a right answer: "refused", "error", "empty", "full"."""
        if self.refused or self.theirs.error:
            return "refused" if self.refused else "error"
        return "full" if self.theirs.points or self.theirs.message else "empty"

    def __str__(self) -> str:
        return f"{self.query}\n  asked at {tuple(self.when)} of {self.court.referee.version}: {self.wrong}"
