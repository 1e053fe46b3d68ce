"""A handler that holds its worker until the test has seen enough, however busy the machine is."""

import os
from pathlib import Path


class Hold:
    """A named pipe that a handler opens, which takes until the test opens its other end."""

    def __init__(self, where: Path) -> None:
        self._pipe = where / "hold"
        os.mkfifo(self._pipe)
        self.env = {"HOLD": str(self._pipe)}

    def end(self) -> None:
        """Let the handler go on. OSError where none has waited until now."""
        os.close(os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK))
