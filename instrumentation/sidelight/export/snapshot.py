"""All values of the store at one time, summed over the workers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sidelight.app_metrics.families import AppFamily
from sidelight.store.listening_ports import ListeningPorts
from sidelight.store.reader import StoredExemplar
from sidelight.store.schema import StoredFamily
from sidelight.store.service_info import ServiceInfo

Labels = tuple[str, ...]


class SeriesKey:
    """A series of a snapshot; its identity is its key in `Snapshot.sums`.

    ``text`` is its lines without values, ``label_pairs`` its labels in the protobuf format, and
    ``encoded`` what it was last encoded from and the bytes that it became. ``words`` is how many
    its values have, ``at`` the first of them in the totals of `word_sums`. ``started`` is when a
    value was first recorded in any worker, in nanoseconds since the epoch; 0 where one of them does
    not know, None where nothing was recorded.
    """

    __slots__ = ("at", "encoded", "family", "label_pairs", "labels", "started", "text", "words")

    def __init__(self, family: StoredFamily, labels: Labels) -> None:
        self.family = family
        self.labels = labels
        self.started: int | None = None
        self.text = self.label_pairs = b""
        self.encoded: tuple[object, bytes] = None, b""
        self.words = family.values
        self.at = 0

    def begin(self, started: int) -> None:
        """A worker recorded the first value at this time."""
        self.started = started if self.started is None else min(started, self.started)


@dataclass(slots=True)
class Snapshot:
    """Values of Sidelight's families as integers, by key, and the application's families.

    ``sums`` has the values of a histogram in its classic buckets, ``stored`` those of a native one
    in the buckets that it is stored in (`native_histogram` reads them). ``exemplars`` is by key
    and bucket. ``started`` is when the first worker of the directory began to count, in nanoseconds
    since the epoch; 0 when there was none yet. ``created`` is when a series began, for those of
    which it is known. ``services`` is what running workers say of themselves, ``listening`` the
    ports on which they listen.
    """

    sums: dict[SeriesKey, tuple[int, ...]] = field(default_factory=dict)
    stored: Mapping[SeriesKey, tuple[int, ...]] = field(default_factory=dict)
    exemplars: dict[tuple[SeriesKey, int], StoredExemplar] = field(default_factory=dict)
    app_families: dict[str, AppFamily] = field(default_factory=dict)
    started: int = 0
    created: dict[SeriesKey, int] = field(default_factory=dict)
    services: list[ServiceInfo] = field(default_factory=list)
    listening: list[ListeningPorts] = field(default_factory=list)

    def by_name(self) -> dict[str, list[SeriesKey]]:
        """The series of each of Sidelight's families."""
        found: dict[str, list[SeriesKey]] = {}
        for key in self.sums:
            found.setdefault(key.family.name, []).append(key)
        return found

    def exemplars_by_series(self) -> dict[SeriesKey, dict[int, StoredExemplar]]:
        """The exemplars of each series that has any, by bucket."""
        found: dict[SeriesKey, dict[int, StoredExemplar]] = {}
        for (key, bucket), exemplar in self.exemplars.items():
            found.setdefault(key, {})[bucket] = exemplar
        return found
