"""Folders that another process may remove at any moment, as a test lists them."""

import os
from pathlib import Path

from sidelight.store.directory import memory_folder


def entries(folder: Path) -> list[Path]:
    """What is in a folder; nothing once it is gone, be it while it is listed."""
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, ProcessLookupError):  # the second of a process's folder in /proc
        return []


def shared_directories(server: int) -> list[Path]:
    """Directories in memory that were made for the server with this process id.

    The folder that they are in goes with the last of them, of whichever test.
    """
    above = Path(memory_folder()) / f"sidelight-{os.getuid()}"
    return [path for path in entries(above) if path.name.split("-")[1:2] == [str(server)]]
