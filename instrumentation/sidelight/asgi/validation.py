"""Validation errors by route, place and type, without a word of what the client sent."""

import threading
from collections.abc import Callable
from typing import Any, get_args
from weakref import WeakSet

from starlette.exceptions import HTTPException
from starlette.types import Scope

from sidelight.asgi.chosen_route import chosen
from sidelight.asgi.declared import location
from sidelight.asgi.labels import Labels
from sidelight.asgi.locations import ANYTHING
from sidelight.contract import METRICS, OTHER, Metric

try:
    from fastapi.exceptions import (
        RequestValidationError,
        ResponseValidationError,
        ValidationException,
    )
    from pydantic_core.core_schema import ErrorType
except ImportError:  # Starlette alone, or the first pydantic

    class ValidationException(Exception):  # type: ignore[no-redef]  # noqa: N818 FastAPI's name
        """Never raised."""

    RequestValidationError = ResponseValidationError = ValidationException  # type: ignore[assignment, misc] # in place of the real ones
    ErrorType = None  # type: ignore[misc] # in place of the real ones

REQUEST = METRICS["fastapi_validation_errors_total"]
RESPONSE = METRICS["fastapi_response_validation_errors_total"]

RELATED: tuple[type, ...] = (ValidationException, HTTPException)
"""What a handler that can meet a validation error is for, or for a part of."""
TYPES = frozenset(get_args(ErrorType))
UNPROCESSABLE = 422
MOST_ERRORS = 100
"""Errors of one request that are counted by location; a client may cause any number."""
MOST_PLACES = 50
"""Locations with their types that one route may have, and all of them ten times as many."""


class Validation:
    """Counts the validation errors of one application."""

    def __init__(
        self, labels: Labels, increment: Callable[[Metric, tuple[str, ...], int], object]
    ) -> None:
        self._labels = labels
        self._increment = increment
        self._places: dict[str, set[tuple[str, str]]] = {}
        self._lock = threading.RLock()  # a finalizer may end a request while this thread holds it
        self._seen: WeakSet[BaseException] = WeakSet()

    def handled(self, scope: Scope, error: BaseException) -> None:
        """An exception is about to be answered by a handler of the application's.

        One that became an `HTTPException` in a route class of the user's own counts as well.
        """
        if isinstance(error, HTTPException) and error.status_code == UNPROCESSABLE:
            error = error.__cause__ or error.__context__ or error
        if isinstance(error, RequestValidationError) and error not in self._seen:
            self._seen.add(error)
            self._request(scope, error)
        self.escaped(scope, error)

    def escaped(self, scope: Scope, error: BaseException) -> None:
        """An exception leaves the application, or is about to be answered."""
        if isinstance(error, ResponseValidationError) and error not in self._seen:
            self._seen.add(error)
            self._increment(RESPONSE, (self._labels.route(scope, 0).text,), 1)

    def _request(self, scope: Scope, error: Any) -> None:
        route = self._labels.route(scope, UNPROCESSABLE).text
        declares = chosen(scope)
        errors = error.errors()
        for found in errors[:MOST_ERRORS]:
            self._increment(REQUEST, (route, *self._place(route, declares, found)), 1)
        if len(errors) > MOST_ERRORS:
            self._increment(REQUEST, (route, ANYTHING, OTHER), len(errors) - MOST_ERRORS)

    def _place(self, route: str, declares: object, found: Any) -> tuple[str, str]:
        """Location and type: types of the application's own making may hold anything."""
        known = found if isinstance(found, dict) else {}
        loc, kind = known.get("loc"), str(known.get("type"))
        place = (
            location(declares, loc) if isinstance(loc, list | tuple) and loc else ANYTHING,
            kind if kind in TYPES else OTHER,
        )
        with self._lock:
            places = self._places.setdefault(route, set())
            if place not in places:
                if len(places) >= MOST_PLACES or self._full():
                    return ANYTHING, OTHER
                places.add(place)
        return place

    def _full(self) -> bool:
        return sum(map(len, self._places.values())) >= 10 * MOST_PLACES
