"""Everything a page shows at one moment: values by series, and whose they are."""

from dataclasses import dataclass, field

from sidelight.store.file_index import unpacker
from sidelight.store.reader import StoredExemplar
from sidelight.store.schema import StoredFamily
from sidelight.store.service_info import ServiceInfo
from sidelight.store.user import AppFamily

Labels = tuple[str, ...]


class Key:
    """A series of the page: identity is its key in sums; ``text`` is its lines without values.

    ``unpack`` reads the words of its values.
    """

    __slots__ = ("family", "labels", "text", "unpack", "words")

    def __init__(self, family: StoredFamily, labels: Labels) -> None:
        self.family = family
        self.labels = labels
        self.text = b""
        self.words = family.values
        self.unpack = unpacker(self.words)


@dataclass(slots=True)
class Snapshot:
    """Values of our own families as stored (whole numbers), by key, and the application's.

    ``exemplars`` is by key and bucket. ``started`` is when the first worker of the directory
    began to count, in nanoseconds since the epoch; 0 when there was none yet. ``abouts`` is
    what living workers say of themselves.
    """

    sums: dict[Key, tuple[int, ...]] = field(default_factory=dict)
    exemplars: dict[tuple[Key, int], StoredExemplar] = field(default_factory=dict)
    people: dict[str, AppFamily] = field(default_factory=dict)
    started: int = 0
    abouts: list[ServiceInfo] = field(default_factory=list)
