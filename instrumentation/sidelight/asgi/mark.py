"""The mark in the scope of whatever is measured, so that nothing is measured twice."""

from typing import Protocol

from starlette.types import Message, Scope

from sidelight.store.inflight import UNTRACKED


class Marking(Protocol):
    """What a mark says of a request: where its file is, and who counts its validation errors."""

    words: memoryview

    def handled(self, scope: Scope, error: BaseException) -> None:
        """An exception handler of the application's is about to answer an exception."""


Mark = tuple[Marking | None, int | None, int]
"""The key of a request or connection, its slot, and when it began. Those of a lifespan are None.

That of a common request is not removed, which would cost more than a mark that shows by itself
that its request is over. It refers to nothing that refers to the scope, so both are freed at once.
"""
MARK = "sidelight"
"""The key in the scope. It is in every copy of the scope."""
LIFESPAN: Mark = (None, None, 0)


def mark_of(scope: Scope) -> Mark | None:
    """The mark of a request that is being measured; None also for one that is over."""
    mark = scope.get(MARK)
    try:
        marking, slot, start = mark  # type: ignore[misc]  # the key may be in use by other code
        if marking is None or slot == UNTRACKED or marking.words[slot] == start:
            return mark
    except Exception:  # noqa: BLE001 no mark at all, or the file is closed
        return None
    return None


class Measurement:
    """One request, connection or lifespan that is measured.

    ``slot`` is where it is shown among those in flight, None if it is not. ``since`` is when it
    began (CLOCK_MONOTONIC, ns), and then when it was complete; 0 where `end` must be called even
    if the application returns at once.
    """

    __slots__ = ()
    slot: int | None
    since: int

    async def receive(self) -> Message:
        """Look at a message on its way to the application."""
        raise NotImplementedError

    async def send(self, message: Message) -> None:
        """Look at a message on its way to the server."""
        raise NotImplementedError

    def end(self, error: BaseException | None) -> None:
        """The application returned, or raised ``error``."""
