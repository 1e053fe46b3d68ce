"""The address of the project."""

from typing import Final

PROJECT_URL: Final = "https://sidelight.invalid"
"""The public address of the project's site. It is a placeholder: the project has no address yet."""
