"""The same question to several: when it is asked, and what came of it."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.embedded.promql.actual import REFUSED, ask, ask_range
from tests.embedded.promql.answers import Answer, chosen_otherwise, difference, same
from tests.embedded.promql.oracle_server import OracleServer
from tests.embedded.promql.sample_blocks import MemorySource
from tests.embedded.promql.sample_data import START, STEP

CHOICE: Final = re.compile(r"\b(?:topk|bottomk)(?: (?:by|without) \([^()]*\))? ?\((\S+), ")
"""The best few of what follows."""
ALL: Final = "1000000"


class QueryTime(NamedTuple):
    """At one time, or from ``start`` to ``end`` every ``step`` (0: only at ``start``); in ms."""

    start: int
    end: int = 0
    step: int = 0


# No range begins at a step of a subquery: Prometheus then gets offsets of @ inside it wrong, and
# answers nothing to count_over_time((up @ 1700000940)[10m:1m30s] offset 1m @ end()).
AT_SAMPLES = (
    QueryTime(START + 49 * STEP),  # at samples of the first grid
    QueryTime(START + 95 * STEP + 5_000),  # of the second
    QueryTime(START + 71 * STEP, START + 111 * STEP, 45_000),
    QueryTime(START - 45_000, START + 50 * STEP + 457, 61_000),
)
BETWEEN_SAMPLES = (
    QueryTime(START + 45 * STEP + 457),
    QueryTime(START + 95 * STEP + 457),
    QueryTime(START + 70 * STEP + 457, START + 110 * STEP + 457, 47_000),
)


class Oracle(NamedTuple):
    """A Prometheus and the source that has the same samples."""

    server: OracleServer
    source: MemorySource

    def expected(self, query: str, when: QueryTime) -> Answer:
        if when.step:
            return self.server.ask_range(query, *when)
        return self.server.ask(query, when.start)

    def actual(self, query: str, when: QueryTime) -> Answer:
        if when.step:
            return ask_range(query, self.source, *when)
        return ask(query, self.source, when.start)

    def comparison(self, query: str, when: QueryTime) -> "Comparison":
        """Both answers."""
        return Comparison(query, when, self.expected(query, when), self.actual(query, when), self)


class Comparison(NamedTuple):
    """What both said to one query at one time."""

    query: str
    when: QueryTime
    expected: Answer
    actual: Answer
    oracle: Oracle

    @property
    def refused(self) -> bool:
        """Whether actual said that it can't do this, where expected could."""
        return REFUSED in self.actual.message and not self.expected.error

    @property
    def wrong(self) -> str:
        """How they differ; "" where they don't, or actual was refused by name."""
        if self.refused:
            return ""
        found = difference(self.expected, self.actual) or self._disorder()
        return "" if found and self._only_ties() else found

    def _disorder(self) -> str:
        """What is wrong with the order, where the query asks for one."""
        if not self.query.startswith(("sort(", "sort_desc(")) or self.when.step:
            return ""
        expected, actual = (list(answer.points.values()) for answer in (self.expected, self.actual))
        right = all(same(a, b) for a, b in zip(expected, actual, strict=True))
        return "" if right else f"expected in the order {expected}, actual {actual}"

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
            parts[0][0] == self.query or not self.oracle.comparison(wide, self.when).wrong
        )

    def _tied(self, choice: str, among: str) -> bool:
        expected, actual = (
            ask(choice, self.when) for ask in (self.oracle.expected, self.oracle.actual)
        )
        return chosen_otherwise(expected, actual, self.oracle.expected(among, self.when))

    @property
    def sort(self) -> str:
        """What of a right answer: "refused", "error", "empty", "full"."""
        if self.refused or self.expected.error:
            return "refused" if self.refused else "error"
        return "full" if self.expected.points or self.expected.message else "empty"

    def __str__(self) -> str:
        asked = f"at {tuple(self.when)} of {self.oracle.server.version}"
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
