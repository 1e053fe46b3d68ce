"""The mark in the scope of whatever is measured, so that nothing is measured twice."""

from starlette.types import Message, Scope

from sidelight.store.inflight import InflightSlot

MARK = "sidelight"
"""The key in the scope. Its value is a `Measurement`, until the application has returned."""


class Measurement:
    """One request, connection or lifespan that is measured.

    ``slot`` is where it is shown among those in flight, None if it is not. ``since`` is when it
    began (CLOCK_MONOTONIC, ns), and then when it was complete; 0 where `end` must be called even
    if the application returns at once.
    """

    __slots__ = ()
    slot: InflightSlot | None
    since: int

    async def receive(self) -> Message:
        """Look at a message on its way to the application."""
        raise NotImplementedError

    async def send(self, message: Message) -> None:
        """Look at a message on its way to the server."""
        raise NotImplementedError

    def end(self, error: BaseException | None) -> None:
        """The application returned, or raised ``error``."""

    @property
    def over(self) -> bool:
        """Whether its response is complete, so that the scope may be used for another request."""
        return self.slot is None

    def handled(self, scope: Scope, error: BaseException) -> None:
        """An exception handler of the application's is about to answer an exception."""

    def __deepcopy__(self, _: object) -> "Measurement":
        """A copy of a scope still belongs to the same request."""
        return self


def measurement_of(scope: Scope) -> Measurement | None:
    """What measures a request already, if anything does."""
    found = scope.get(MARK)
    return found if isinstance(found, Measurement) and not found.over else None
