"""What the extension awaits where an application returns no coroutine."""

from collections.abc import Awaitable
from typing import Any


async def wait_for(awaitable: Awaitable[Any]) -> Any:
    """Await what is no coroutine of Python's own."""
    return await awaitable
