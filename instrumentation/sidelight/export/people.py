"""The application's own families: those of all workers summed, as far as a page can have them."""

from collections import Counter
from collections.abc import Generator, Iterable

from sidelight.contract import METRICS
from sidelight.errors import InvalidDataError
from sidelight.store import user
from sidelight.store.directory_reader import OnSkip
from sidelight.store.user import AppFamily

Families = dict[str, AppFamily]
Source = tuple[str, bytes, str | None]
"""A file's name, the snapshot in it, and its worker's number: None of the dead."""

SUFFIXES = ("_total", "_info", "_bucket", "_sum", "_count")
OURS = frozenset(
    name
    for metric in METRICS.values()
    for name in (
        metric.name,
        *(metric.name + s for s in SUFFIXES if metric.kind in {"histogram", "summary"}),
    )
)
"""Every name a sample of ours may have."""
TAKEN = frozenset(
    name
    for metric in METRICS.values()
    for name in user.names(metric.name.removesuffix("_total").removesuffix("_info"), metric.kind)
)
"""Every name that nobody else's family may take."""


def collected(
    sources: Iterable[Source], skip: OnSkip
) -> Generator[None, None, tuple[Families, Counter[str]]]:
    """The families a page can have, and how many it can't, by reason. Yields between them."""
    merged: Families = {}
    for name, data, worker in sources:
        try:
            user.merge(merged, user.decode(data), worker)
        except InvalidDataError as damage:
            skip(f"{name} (the application's metrics)", damage.reason)
        yield
    found: Families = {}
    refused = Counter[str]()
    taken = set(TAKEN)
    for family in merged.values():
        try:
            found.update((part.name, part) for part in _shown(family, taken))
        except InvalidDataError as damage:
            refused[damage.reason] += 1
        yield
    return found, refused


def _shown(family: AppFamily, taken: set[str]) -> list[AppFamily]:
    """A family as a page shows it, whose names are ``taken`` then. Raises `InvalidDataError`."""
    parts = user.shown(family)
    names = set[str]().union(*(user.names(part.name, part.kind) for part in parts))
    if clashes(family) or names & taken:
        raise InvalidDataError("name_taken")
    taken |= names
    return parts


def clashes(family: AppFamily) -> bool:
    """Whether an application's family would show a name of ours."""
    names = {family.name, *(family.name + suffix for suffix in SUFFIXES)}
    return bool(names & OURS) or family.name.startswith("sidelight_")
