"""Where rules come from: files, or the service's own settings."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sidelight.embedded.rules.definition import EXAMPLE, Group, groups
from sidelight.errors import SettingsError

OWN = "sidelight.toml"
MOST_BYTES = 8 << 20


def of_files(files: Sequence[str]) -> Iterator[Group]:
    """All groups of these files. Raises `SettingsError`."""
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 not needed without files

    for file in files:
        try:
            with Path(file).open("rb") as opened:
                found = yaml.safe_load(opened.read(MOST_BYTES))
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise SettingsError("rules", file, f"can't be read: {error}", EXAMPLE) from error
        yield from groups(file, found)


def of_settings(found: list[dict[str, Any]]) -> list[Group]:
    """Groups as the service's own settings make them. Raises `SettingsError`."""
    return list(groups(OWN, {"groups": found}))
