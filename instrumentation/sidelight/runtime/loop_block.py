"""One block of an event loop: how long it lasts, and what takes the time."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from sidelight.store.slow_requests import CALLER

MOST_SOURCES: Final = 64
"""Lines of code whose times are kept during one block."""


Cause = Literal["code", "gil", "native", "processor", "throttled", "unknown"]
"""What keeps a loop: its own code; a thread that has the GIL; native code or the garbage collector
on the loop that keeps it; the want of a processor; a CPU quota."""


class BlockSource(NamedTuple):
    """What a stack works for: a route, empty outside of any request; and lines of code.

    ``where`` starts with the innermost line, and is empty where the stack could not be read.
    """

    route: str
    where: tuple[str, ...] = ()
    cause: Cause = "code"

    def __str__(self) -> str:
        lines = CALLER.join(self.where) or UNSEEN.get(self.cause, NOT_SEEN)
        return f"{self.route or 'no request'}: {BEFORE_LINES.get(self.cause, '')}{lines}"


NOT_SEEN: Final = (
    "its stack could not be read, because no other thread could run: the garbage collector or a C "
    "extension kept the GIL, or the machine was busy"
)
UNSEEN: Final[dict[Cause, str]] = {
    "native": "its stack could not be read, because the garbage collector or a C extension kept "
    "the GIL"
}
BEFORE_LINES: Final[dict[Cause, str]] = {"gil": "a thread kept the GIL: "}
NO_PROCESSOR: Final = BlockSource("", ("the machine had no processor free for it",), "processor")
THROTTLED: Final = BlockSource("", ("the CPU quota of its control group was used up",), "throttled")
NO_CODE: Final = frozenset({NO_PROCESSOR, THROTTLED})
"""What no code is the cause of."""


@dataclass(slots=True)
class OngoingBlock:
    """One block of a loop, while it lasts. Times are of CLOCK_MONOTONIC, in ns.

    No code is its cause until code has taken ``least`` of it: a loop that waits for a processor is
    late wherever it is.
    """

    began: int
    least: int
    seen: int = 0
    """The time up to which its sources are known."""
    counted: bool = False
    logged: bool = False
    _code: int = 0
    _sources: dict[tuple[str, ...], tuple[int, BlockSource]] = field(default_factory=dict)
    _uncounted: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.seen = self.began

    @property
    def ns(self) -> int:
        """How long it has lasted so far."""
        return self.seen - self.began

    @property
    def has_cause(self) -> bool:
        """Whether code has taken enough of it."""
        return self._code >= self.least

    def advance(self, now: int) -> int:
        """Set the time up to which it is known. Returns how much that is more."""
        ns = max(0, now - self.seen)  # a look may have come between a beat and its clock
        self.seen += ns
        return ns

    def add(
        self, source: BlockSource, ns: int, waited: int, wait: BlockSource = NO_PROCESSOR
    ) -> None:
        """Add time to a source, and what of it the loop's thread waited to that of the wait."""
        code = ns - waited
        self._code += code
        for each, part in ((source, code), (wait, waited)):
            self._uncounted[each.route] = self._uncounted.get(each.route, 0) + part
            line = (each.route, *each.where[:1])
            if line in self._sources or len(self._sources) < MOST_SOURCES:
                before, known = self._sources.get(line, (0, each))
                self._sources[line] = before + part, known

    def main_source(self) -> BlockSource:
        """The route that most of the time was added to, and its line with the most.

        One of `NO_CODE` where no code is the cause.
        """
        waits = [found for found in self._sources.values() if found[1] in NO_CODE]
        if not self.has_cause:
            return max(waits, default=(0, NO_PROCESSOR))[1]
        code = [found for found in self._sources.values() if found[1] not in NO_CODE]
        by_route: Counter[str] = Counter()
        for ns, source in code:
            by_route[source.route] += ns
        route = max(by_route, key=by_route.__getitem__)
        of_route = [found for found in code if found[1].route == route]
        # Looks that came too late have no line.
        return max(of_route, key=lambda found: (bool(found[1].where), found[0]))[1]

    def take_uncounted(self, *, ended: bool) -> dict[str, int]:
        """Nanoseconds by route that are to be counted; none until the cause is known."""
        if not (self.has_cause or ended):
            return {}
        found, self._uncounted = self._uncounted, {}
        if not self.has_cause:
            found = {NO_PROCESSOR.route: sum(found.values())}
        return {route: ns for route, ns in found.items() if ns}


class PastBlock(NamedTuple):
    """A block that has ended."""

    began: int
    ended: int
    source: BlockSource

    def within(self, start: int, end: int) -> int:
        """Nanoseconds of it in a span."""
        return max(0, min(end, self.ended) - max(start, self.began))


def common_callers(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """The lines that two stacks have in common from the outermost one on."""
    same = 0
    while same < min(len(before), len(after)) and before[-1 - same] == after[-1 - same]:
        same += 1
    return after[len(after) - same :]
