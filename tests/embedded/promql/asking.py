"""The same question to several: when it is asked, and what came of it."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.embedded.promql import ours
from tests.embedded.promql.answers import Answer, chosen_otherwise, difference, same
from tests.embedded.promql.blocks import Memory
from tests.embedded.promql.referees import Referee

CHOICE: Final = re.compile(r"\b(?:topk|bottomk)(?: (?:by|without) \([^()]*\))? ?\((\S+), ")
"""The best few of what follows."""
ALL: Final = "1000000"


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
        found = difference(self.theirs, self.ours) or self._disorder()
        return "" if found and self._only_ties() else found

    def _disorder(self) -> str:
        """What is wrong with the order, where the query asks for one."""
        if not self.query.startswith(("sort(", "sort_desc(")) or self.when.step:
            return ""
        theirs, ours = (list(answer.points.values()) for answer in (self.theirs, self.ours))
        right = all(same(a, b) for a, b in zip(theirs, ours, strict=True))
        return "" if right else f"theirs in the order {theirs}, ours {ours}"

    def _only_ties(self) -> bool:
        """Whether topk or bottomk had to choose among equals: then any choice is right.

        Each choice by itself must be right but for ties, and the query must be right if all are
        chosen.
        """
        parts = list(choices(self.query))
        wide = CHOICE.sub(lambda found: found[0].replace(f"({found[1]},", f"({ALL},"), self.query)
        if not parts or wide == self.query:
            return False
        return all(self._tied(*part) for part in parts) and (
            parts[0][0] == self.query or not self.court.verdict(wide, self.when).wrong
        )

    def _tied(self, choice: str, among: str) -> bool:
        theirs, ours = (ask(choice, self.when) for ask in (self.court.theirs, self.court.ours))
        return chosen_otherwise(theirs, ours, self.court.theirs(among, self.when))

    @property
    def sort(self) -> str:
        """What of a right answer: "refused", "error", "empty", "full"."""
        if self.refused or self.theirs.error:
            return "refused" if self.refused else "error"
        return "full" if self.theirs.points or self.theirs.message else "empty"

    def __str__(self) -> str:
        asked = f"at {tuple(self.when)} of {self.court.referee.version}"
        return f"{self.query}\n  asked {asked}: {self.wrong}"


def choices(query: str) -> Iterator[tuple[str, str]]:
    """Each topk and bottomk in a query, and what it chooses from."""
    for found in CHOICE.finditer(query):
        end = _closing(query, found.end())
        yield query[found.start() : end + 1], query[found.end() : end]


def _closing(query: str, at: int) -> int:
    """Where the bracket is closed that was open at a place. Brackets in strings are in pairs."""
    depth = 1
    while depth and at < len(query):
        depth += {"(": 1, ")": -1}.get(query[at], 0)
        at += 1
    return at - 1
