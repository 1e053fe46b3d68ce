"""The part of a request key that the fast path reads, where the fast path is in Python."""

from typing import TYPE_CHECKING, Any

from sidelight.asgi.series import StatusSeries
from sidelight.extension import extension
from sidelight.runtime.loop_clock import LoopClock


class PythonKey:
    """What requests with one key have in common, and the series they are counted in.

    ``last_series`` has the series of the status that a route had last, by ``root_path`` with what
    mounts added to it, and by the id of the chosen route.
    """

    __slots__ = (
        "__weakref__",
        "clock",
        "due",
        "exclusions",
        "last_series",
        "method",
        "metrics_path",
        "packed",
        "root_path",
        "scheme",
        "slots",
        "unsampled",
        "words",
    )
    clock: LoopClock
    due: int
    exclusions: Any
    method: str
    metrics_path: str
    packed: int
    root_path: str
    scheme: str
    slots: list[int]
    unsampled: int
    words: memoryview

    def prepare(
        self, _bounds: bytes, _cells: bytes, _late: int, _sizes: bytes, _slot_words: int
    ) -> None:
        """Set what a native key needs, packed (see `duration_index`)."""
        self.last_series: dict[str, dict[int, StatusSeries]] = {}

    def remember(self, root_path: str, route: object, series: StatusSeries) -> None:
        """Count whole responses of a route with a status on the fast path from now on."""
        self.last_series.setdefault(root_path, {})[id(route)] = series

    def remember_busy(self, root_path: str, route: object, word: int) -> None:
        """Count the busy time of a route natively from now on: Python does not clock it."""

    def forget_series(self) -> None:
        """Forget all that was remembered."""
        self.last_series.clear()


if TYPE_CHECKING:
    KeyBase = PythonKey
else:
    KeyBase = PythonKey if extension is None else extension.Key
