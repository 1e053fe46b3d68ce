"""Sidelight: what a FastAPI service is doing, and why it is slow, by route."""

from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.errors import SettingsError, SidelightError

__all__ = ["SettingsError", "SidelightError", "SidelightMiddleware"]
