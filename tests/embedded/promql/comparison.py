"""The comparison of the engine's answers with those of a real Prometheus, the oracle."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from tests.embedded.promql.actual import REFUSED, ask, ask_range
from tests.embedded.promql.answers import Answer, difference, differs_in_ties, same
from tests.embedded.promql.oracle_server import OracleServer
from tests.embedded.promql.sample_blocks import MemorySource
from tests.embedded.promql.sample_data import START, STEP

CHOICE: Final = re.compile(r"\b(?:topk|bottomk)(?: (?:by|without) \([^()]*\))? ?\((\S+), ")
"""A selection of the k best."""
ALL: Final = "1000000"
MOST: Final = 10
ELEMENTARY: Final = re.compile(
    r"\b(exp|ln|log2|log10|a?(sin|cos|tan)h?|atan2)\b|\^(?! -?(\d+|0\.5)( |$))"
)
"""Functions that Go computes by other formulas than C: their last digits may differ."""


class QueryTime(NamedTuple):
    """One time, or times from ``start`` to ``end`` every ``step``; in milliseconds."""

    start: int
    end: int = 0
    step: int = 0


# No range begins at a step of a subquery: Prometheus then evaluates an offset of @ inside it
# wrongly, and returns nothing for count_over_time((up @ 1700000940)[10m:1m30s] offset 1m @ end()).
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
    """A Prometheus, and a source with the same samples for the engine."""

    server: OracleServer
    source: MemorySource
    rounded: bool = False
    """Whether the last digits of its answers may differ."""

    def expected(self, query: str, when: QueryTime) -> Answer:
        if when.step:
            return self.server.ask_range(query, *when)
        return self.server.ask(query, when.start)

    def actual(self, query: str, when: QueryTime) -> Answer:
        if when.step:
            return ask_range(query, self.source, *when)
        return ask(query, self.source, when.start)

    def compare(self, query: str, when: QueryTime) -> "Comparison":
        """Ask both."""
        return Comparison(query, when, self.expected(query, when), self.actual(query, when), self)


class Comparison(NamedTuple):
    """The expected and the actual answer to one query at one time."""

    query: str
    when: QueryTime
    expected: Answer
    actual: Answer
    oracle: Oracle

    @property
    def refused(self) -> bool:
        """Whether the engine does not support what Prometheus answers."""
        return REFUSED in self.actual.message and not self.expected.error

    @property
    def wrong(self) -> str:
        """How the answers differ; "" if they do not, or if the query is refused."""
        if self.refused:
            return ""
        found = difference(self.expected, self.actual, rounded=self.rounded) or self._disorder()
        tolerated = found and (self._only_order() or self._only_ties())
        return found if found and not tolerated else self._other_annotations()

    @property
    def rounded(self) -> bool:
        """Whether the last digits may differ; 2.42 has another order of operations."""
        elementary = bool(ELEMENTARY.search(self.query)) or self.oracle.rounded
        return elementary or self.oracle.server.version.startswith("2.")

    def _only_order(self) -> bool:
        """Whether Prometheus itself answers with other last digits the next time.

        In a range query it adds up the results of an operator in the random order of a Go map.
        """
        if difference(self.expected, self.actual, rounded=True):
            return False
        again = [self.oracle.expected(self.query, self.when) for _ in range(5)]
        return any(difference(self.expected, one, rounded=False) for one in again)

    def _other_annotations(self) -> str:
        """How infos and warnings differ; of more than ten, a server lists any ten."""
        expected, actual = self.expected.annotations, self.actual.annotations
        if expected is None or actual is None or expected == actual or len(expected) > MOST:
            return ""
        return f"expected the annotations {sorted(expected)}, got {sorted(actual)}"

    def _disorder(self) -> str:
        """How the orders of the series differ, if the query sorts them."""
        if not self.query.startswith(("sort(", "sort_desc(")) or self.when.step:
            return ""
        expected, actual = (list(answer.points.values()) for answer in (self.expected, self.actual))
        right = all(same(a, b, rounded=True) for a, b in zip(expected, actual, strict=True))
        return "" if right else f"expected the order {expected}, got {actual}"

    def _only_ties(self) -> bool:
        """Whether the answers differ only in ties of topk or bottomk.

        Each selection by itself must be right but for ties, and the query must be right if every
        selection takes all series.
        """
        parts = list(choices(self.query))
        wide = CHOICE.sub(lambda found: found[0].replace(f"({found[1]},", f"({ALL},"), self.query)
        if not parts or wide == self.query:
            return False
        return all(self._tied(*part) for part in parts) and (
            parts[0][0] == self.query or not self.oracle.compare(wide, self.when).wrong
        )

    def _tied(self, choice: str, among: str) -> bool:
        expected, actual = (
            answer(choice, self.when) for answer in (self.oracle.expected, self.oracle.actual)
        )
        return differs_in_ties(expected, actual, self.oracle.expected(among, self.when))

    @property
    def outcome(self) -> str:
        """The kind of answer: "refused", "error", "empty" or "full"."""
        if self.refused or self.expected.error:
            return "refused" if self.refused else "error"
        return "full" if self.expected.points or self.expected.message else "empty"

    def __str__(self) -> str:
        asked = f"at {tuple(self.when)} of {self.oracle.server.version}"
        return f"{self.query}\n  asked {asked}: {self.wrong}"


def choices(query: str) -> Iterator[tuple[str, str]]:
    """Yield each topk and bottomk in a query, and what it selects from."""
    for found in CHOICE.finditer(query):
        end = _closing(query, found.end())
        yield query[found.start() : end + 1], query[found.end() : end]


def _closing(query: str, at: int) -> int:
    """Return where the open bracket is closed. Brackets in strings must be in pairs."""
    depth = 1
    while depth and at < len(query):
        depth += {"(": 1, ")": -1}.get(query[at], 0)
        at += 1
    return at - 1
