"""Errors of queries, with the types and messages of Prometheus."""

from typing import Literal

from sidelight.errors import SidelightError

ErrorType = Literal["bad_data", "execution", "timeout", "canceled", "internal"]


class QueryError(SidelightError):
    """A query has no answer. ``kind`` is the ``errorType`` of Prometheus's HTTP API."""

    def __init__(self, kind: ErrorType, message: str) -> None:
        super().__init__(message)
        self.kind: ErrorType = kind
        self.message = message


def bad_data(message: str) -> QueryError:
    """The text of the query is invalid."""
    return QueryError("bad_data", message)


def execution_error(message: str) -> QueryError:
    """The query can't be executed over the samples that there are."""
    return QueryError("execution", message)


def parse_error(problem: str, where: str = "") -> QueryError:
    """The text is not a query; ``where`` is ``line:column:`` if the position is known."""
    return bad_data(f"{where} parse error: {problem}".lstrip())


def unsupported(what: str) -> QueryError:
    """Prometheus supports this and Sidelight does not; the message names it."""
    return bad_data(f"{what} is not supported here: ask a Prometheus")
