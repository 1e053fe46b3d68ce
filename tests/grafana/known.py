"""Faults that are known: those that stay, with the reason, and those that are not mended yet."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

KNOWN: Final[Mapping[str, Sequence[str]]] = tomllib.loads(
    Path(__file__).with_name("known_faults.toml").read_text()
)


def check(found: set[str], where: str, start: str = "") -> None:
    """All faults that were found are known, and those that are known are found.

    ``where`` is a list of known_faults.toml, of which those count that begin with ``start``.
    """
    known = {one for one in KNOWN.get(where, ()) if one.startswith(start)}
    new, gone = (sorted(some) for some in (found - known, known - found))
    assert not new, "\n".join([f"faults in {where} that are not known:", *new])
    assert not gone, "\n".join([f"no longer faults in {where}; known_faults.toml has them:", *gone])
