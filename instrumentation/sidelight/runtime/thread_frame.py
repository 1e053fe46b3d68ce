"""What another thread runs, where that can be read."""

import sys
from types import FrameType


def frame_of(thread: int) -> FrameType | None:
    """What a thread runs. None without a GIL: it may go on meanwhile, and that may crash."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    return sys._current_frames().get(thread)  # noqa: SLF001 it is documented
