"""What a contender is, and the one that is nothing."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI


class Bare:
    """Nothing added; the base of every contender."""

    label = "no middleware"
    per_route = False

    def options(self) -> dict[str, Any]:
        """Arguments for FastAPI itself."""
        return {}

    def install(self, app: FastAPI) -> None:
        """Add to an application that has all its routes."""

    async def recorded(self, app: FastAPI, route: str) -> int | None:
        """How many requests to a route are on record; None where nothing is kept."""
        return None


class Control(Bare):
    """The bare service a second time: what the measurement itself makes of no difference."""

    label = "no middleware, again (control)"
