"""The options that have a threshold by route: what is slow, as a whole or to the first byte."""

from collections.abc import Mapping, Sequence
from typing import Any

from sidelight import option_values
from sidelight.errors import SettingsError
from sidelight.nearest import route_problem
from sidelight.option_values import Text

EVERY_ROUTE = "*"
"""What stands for every route in ``slow_request_threshold``."""


def slow_request_threshold(key: str, value: Any) -> dict[str, float]:
    """A threshold by route; one number is that of every route."""
    example = f'{key}=1.0 or {key}={{"POST /checkout": 0.3}}'
    if isinstance(value, Text):
        value = _slow_from_text(value)
    if not isinstance(value, Mapping):
        value = {EVERY_ROUTE: value}
    found = {}
    for route, threshold in value.items():
        if route != EVERY_ROUTE and not _is_route(str(route)):
            raise SettingsError(key, {route: threshold}, route_problem(route), example)
        found[str(route)] = option_values.seconds(key, threshold, example)
    return found


def _is_route(text: str) -> bool:
    method, space, path = text.partition(" ")
    return bool(space) and method.isupper() and path.startswith("/")


def first_byte(key: str, value: Any) -> dict[str, float | None]:
    """A threshold by route; None where that of the whole request is meant."""
    example = f'{key}=["GET /export"] or {key}={{"GET /export": 0.3}}'
    if isinstance(value, Text):
        value = _first_byte_from_text(value)
    if isinstance(value, str) or not isinstance(value, Sequence | Mapping):
        raise SettingsError(
            key, value, "must be a list of routes, or have seconds of each", example
        )
    for route in value:
        if not isinstance(route, str) or not _is_route(route):
            raise SettingsError(key, value, route_problem(route), example)
    if not isinstance(value, Mapping):
        return dict.fromkeys(value)
    return {
        route: None if seconds is None else option_values.seconds(key, seconds, example)
        for route, seconds in value.items()
    }


def _first_byte_from_text(text: str) -> dict[str, str | None]:
    """``GET /export=0.3,GET /feed``."""
    pairs = [part.strip().partition("=") for part in text.split(",")]
    return {route.strip(): seconds if equals else None for route, equals, seconds in pairs}


def with_thresholds(
    first_byte: Mapping[str, float | None], slow: dict[str, float]
) -> tuple[str, ...]:
    """The routes of ``first_byte``, whose thresholds are added to those of slow requests."""
    for route, seconds in first_byte.items():
        if seconds is None:
            continue
        if route in slow:
            problem = "has a threshold in slow_request_threshold too; leave it in one of them"
            raise SettingsError("first_byte", {route: seconds}, problem, f"first_byte=[{route!r}]")
        slow[route] = seconds
    return tuple(first_byte)


def _slow_from_text(text: str) -> Any:
    """``0.5`` or ``POST /checkout=0.3,*=1``."""
    if "=" not in text:
        return text
    pairs = [part.strip().rpartition("=") for part in text.split(",") if part.strip()]
    return {route.strip(): threshold for route, _, threshold in pairs}
