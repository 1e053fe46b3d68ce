"""Why a query has no answer, in Prometheus's own kinds and words."""

from typing import Literal

from sidelight.errors import SidelightError

Kind = Literal["bad_data", "execution", "timeout", "canceled", "internal"]


class QueryError(SidelightError):
    """A query can't be answered. ``kind`` is the ``errorType`` of Prometheus's HTTP API."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message


def wrong(message: str) -> QueryError:
    """The text of the query is at fault."""
    return QueryError("bad_data", message)


def failed(message: str) -> QueryError:
    """The data don't allow what the query asks."""
    return QueryError("execution", message)


def unparsed(problem: str, where: str = "") -> QueryError:
    """The text is no query; ``where`` is ``line:column:`` if that is known."""
    return wrong(f"{where} parse error: {problem}".lstrip())


def unsupported(what: str) -> QueryError:
    """Prometheus could do this; here it is refused by its name."""
    return wrong(f"{what} is not supported here: ask a Prometheus")
