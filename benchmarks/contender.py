"""The base class of contenders, and the contenders without middleware."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI


class Bare:
    """The service without middleware; the base of every contender."""

    label = "no middleware"
    per_route = False

    def options(self) -> dict[str, Any]:
        """Arguments for FastAPI itself."""
        return {}

    def install(self, app: FastAPI) -> None:
        """Add the contender to an application that has all of its routes."""

    async def recorded(self, app: FastAPI, route: str) -> int | None:
        """The number of recorded requests to a route; None if the contender records none."""
        return None


class Control(Bare):
    """The bare service a second time: the error of the measurement itself."""

    label = "no middleware, again (control)"
