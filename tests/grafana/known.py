"""Faults that are known: those that stay, with the reason."""

import tomllib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

KNOWN: Final[Mapping[str, Sequence[str]]] = tomllib.loads(
    Path(__file__).with_name("known_faults.toml").read_text()
)


def check(found: set[str], where: str) -> None:
    """Each fault is one of known_faults.toml for what was looked at.

    A known fault may be absent: whether samples show it can depend on what happened when.
    """
    known = KNOWN[where]
    new = sorted(one for one in found if not any(fnmatchcase(one, each) for each in known))
    assert not new, "\n".join([f"faults of {where} that are not known:", *new])


def check_exactly(found: set[str], where: str) -> None:
    """Besides, each fault of the list is found: for what only the files decide."""
    check(found, where)
    gone = [each for each in KNOWN[where] if not any(fnmatchcase(one, each) for one in found)]
    assert not gone, "\n".join([f"no longer faults of {where}, as known_faults.toml says:", *gone])
