"""Infos and warnings about an answer, in the words of Prometheus 3.

https://github.com/prometheus/prometheus/blob/main/util/annotations/annotations.go
"""

from collections.abc import Iterable, Sequence
from typing import Final

from sidelight.embedded.promql.formatting import format_general
from sidelight.embedded.promql.lexer import position
from sidelight.embedded.promql.quoting import quote

_INFO: Final = "PromQL info: "
_WARNING: Final = "PromQL warning: "
_MOST: Final = 10
_COUNTER_SUFFIXES: Final = ("_total", "_sum", "_count", "_bucket")
_HELP: Final = "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile"


class Annotations:
    """The annotations of one query. A text is there once, with its last position.

    ``at`` is the offset in the query's text of the argument that a text is about.
    """

    def __init__(self) -> None:
        self._found: dict[str, int] = {}

    def possible_non_counter(self, name: str, at: int) -> None:
        """A metric of which a rate is computed is not named as a counter."""
        self.inform(
            "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
            + quote(name),
            at,
        )

    def forced_monotonicity(self, name: str, at: int) -> None:
        """A bucket's count was lower than that of the bucket before."""
        self.inform(
            f"input to histogram_quantile needed to be fixed for monotonicity (see {_HELP}) "
            f"for metric name {quote(name)}",
            at,
        )

    def bad_bucket_label(self, name: str, label: str, at: int) -> None:
        """A bucket's bound is missing or no number."""
        self.warn(
            f'bucket label "le" is missing or has a malformed value of {quote(label)} '
            f"for metric name {quote(name)}",
            at,
        )

    def invalid_quantiles(self, quantiles: Iterable[float], at: int) -> None:
        """Quantiles are not between 0 and 1."""
        for one in quantiles:
            if not 0 <= one <= 1:
                between = "quantile value should be between 0 and 1, got"
                self.warn(f"{between} {format_general(one)}", at)

    def infos(self, query: str) -> list[str]:
        """Return the infos, with their positions in the query."""
        return self._texts(_INFO, query)

    def warnings(self, query: str) -> list[str]:
        """Return the warnings, with their positions in the query."""
        return self._texts(_WARNING, query)

    def inform(self, text: str, at: int) -> None:
        """Add an info."""
        self._found[f"{_INFO}{text}"] = at

    def warn(self, text: str, at: int) -> None:
        """Add a warning."""
        self._found[f"{_WARNING}{text}"] = at

    def _texts(self, kind: str, query: str) -> list[str]:
        return [
            f"{text} ({position(query, at).rstrip(':')})"
            for text, at in self._found.items()
            if text.startswith(kind)
        ]


def is_named_as_counter(name: str) -> bool:
    """Return whether a name says that a metric is a counter; no name says nothing else."""
    return not name or name.endswith(_COUNTER_SUFFIXES)


def limited(texts: Sequence[str], kind: str) -> list[str]:
    """Return the first texts, and how many more of this kind there are."""
    omitted = len(texts) - _MOST
    more = [f"{omitted} more {kind} annotations omitted"] if omitted > 0 else []
    return [*texts[:_MOST], *more]
