"""The file of settings: the one that ``SIDELIGHT_CONFIG`` names, or the working directory's own."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sidelight.errors import SettingsError, cause

CONFIG: Final = "SIDELIGHT_CONFIG"
OWN: Final = "sidelight.toml"
PYPROJECT: Final = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """A file and its keys. Without one, ``path`` is None and ``folder`` is where it would be."""

    folder: Path
    path: Path | None
    table: dict[str, Any]

    def __str__(self) -> str:
        if self.path is not None:
            return str(self.path)
        return f"none ({self.folder} has no {OWN}, and no [tool.sidelight] in {PYPROJECT})"


def find(environ: Mapping[str, str], folder: Path | None = None) -> SettingsFile:
    """The file of a process whose working directory is ``folder``. Folders above have none.

    Raises `SettingsError` where a file can't be read.
    """
    if CONFIG in environ:
        return named(CONFIG, environ[CONFIG])
    folder = folder or Path.cwd()
    for path in (folder / OWN, folder / PYPROJECT):
        table = _read(path)
        if table is not None:
            return SettingsFile(folder, path, table)
    return SettingsFile(folder, None, {})


def named(key: str, given: str) -> SettingsFile:
    """The file that an option or a variable names. Raises `SettingsError`."""
    path = Path(given).absolute()
    example = f"{key}=/srv/shop/{OWN}"
    try:
        found = path.is_file()
    except OSError as error:  # of a folder on the way that can't be searched
        raise SettingsError(key, given, cause(error), example) from error
    if not found:
        raise SettingsError(key, given, "is no file", example)
    return SettingsFile(path.parent, path, _read(path) or {})


def _read(file: Path) -> dict[str, Any] | None:
    """All keys of a file, or those of ``[tool.sidelight]`` of a ``pyproject.toml``, if any."""
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # among these are wrong TOML and wrong UTF-8
        example = "slow_request_threshold = 1.0"
        raise SettingsError("file", str(file), str(error), example) from error
    return _ours(file, table) if file.name == PYPROJECT else table


def _ours(file: Path, table: Any) -> dict[str, Any] | None:
    for key in ("tool", "sidelight"):
        table = table.get(key, {})
        if not isinstance(table, dict):
            raise SettingsError("file", str(file), f"{table!r} is not a table", "[tool.sidelight]")
    return table or None
