"""What Sidelight raises. Nothing here ever reaches a request."""

import os


class SidelightError(Exception):
    """Base of every error of Sidelight's own."""


class SettingsError(SidelightError):
    """A setting is wrong. The message names the key, what was given, and one that works."""

    def __init__(self, key: str, given: object, problem: str, example: str) -> None:
        super().__init__(f"{key}={given!r}: {problem}; for example {example}")
        self.key = key


class StoreError(SidelightError):
    """The shared-memory directory or file can't be used; ``reason`` is a short label value."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class InvalidDataError(SidelightError):
    """A file, or a part of one, is not valid; ``reason`` is a short label value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class WatchError(SidelightError):
    """An object can't be watched, or not under this name; the message says why."""


def cause(error: OSError | ValueError) -> str:
    """Why a file or an address can't be used, without its name, which the message has already."""
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if number > 0 else str(error)
