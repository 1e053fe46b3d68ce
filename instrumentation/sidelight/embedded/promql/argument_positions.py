"""Where the arguments of functions and aggregations begin in a query's text.

The parser's tree has no positions. Its calls have the order of their opening brackets in the text.
"""

from typing import Final

_GROUPING: Final = frozenset({"by", "without"})
_NO_FUNCTIONS: Final = _GROUPING | {
    *("and", "or", "unless", "atan2", "bool", "offset", "start", "end"),
    *("on", "ignoring", "group_left", "group_right"),
}
"""Words before a bracket that is not that of a call."""


class ArgumentPositions:
    """Reads the tokens of a query one after another.

    ``calls``: for each call, the offsets of its opening bracket and of its commas.
    """

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self._following: dict[int, int] = {}
        self._open: list[tuple[str, list[int] | None]] = []
        self._word = ""
        self._after_grouping = False
        self._last = -1

    def read(self, kind: str, text: str, at: int) -> None:
        """Read a token that is no space."""
        self._following[self._last] = at
        self._last = at
        if kind == "open":
            self._open.append((self._word, self._call(text, at)))
        elif text == "," and self._open and self._open[-1][1]:
            self._open[-1][1].append(at)
        closed = self._open.pop()[0] if kind == "close" and self._open else ""
        self._word = text.lower() if kind == "word" else ""
        self._after_grouping = closed in _GROUPING

    def _call(self, text: str, at: int) -> list[int] | None:
        """Begin a call if a bracket is that of one: also ``sum by (a) (``."""
        named = self._word and self._word not in _NO_FUNCTIONS
        if text != "(" or not (named or self._after_grouping):
            return None
        self.calls.append([at])
        return self.calls[-1]

    @property
    def first(self) -> int:
        """The offset of the first token."""
        return self._following.get(-1, 0)

    def after(self, at: int) -> int:
        """Return the offset of the token after that at an offset."""
        return self._following[at]
