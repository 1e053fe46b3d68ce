"""Faults that are known: those that stay, with the reason, and those that are not mended yet."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

KNOWN: Final[Mapping[str, Sequence[str]]] = tomllib.loads(
    Path(__file__).with_name("known_faults.toml").read_text()
)


def check(found: set[str], where: str) -> None:
    """Each fault is in the list of known_faults.toml for what was looked at.

    A known fault may be absent: whether samples show it can depend on what happened when.
    """
    new = sorted(found - {*KNOWN.get(where, ())})
    assert not new, "\n".join([f"faults in {where} that are not known:", *new])


def check_exactly(found: set[str], where: str) -> None:
    """Besides, each fault of the list is found: for what only the files decide."""
    check(found, where)
    gone = sorted({*KNOWN.get(where, ())} - found)
    assert not gone, "\n".join([f"no longer faults in {where}; known_faults.toml has them:", *gone])
