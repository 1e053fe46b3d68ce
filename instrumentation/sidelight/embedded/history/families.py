"""What a page says of its families: kind, help and unit."""

from collections.abc import Iterator

FIELDS = {b"HELP": "help", b"TYPE": "type", b"UNIT": "unit"}
MOST = 10_000


class Families:
    """Metadata by the family's name, as the last page had it."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}
        self._seen: set[bytes] = set()

    def read(self, line: bytes) -> None:
        """A line that begins with #."""
        if line in self._seen or len(self._seen) >= MOST:
            return
        self._seen.add(line)
        parts = line.split(b" ", 3)
        if len(parts) > 2 and parts[1] in FIELDS:  # noqa: PLR2004 sign, field, name
            name = parts[2].decode("utf-8", "replace")
            text = parts[3].decode("utf-8", "replace") if len(parts) > 3 else ""  # noqa: PLR2004
            about = self._known.setdefault(name, {"type": "unknown", "help": "", "unit": ""})
            about[FIELDS[parts[1]]] = text.replace(r"\n", "\n").replace(r"\"", '"')

    def __iter__(self) -> Iterator[tuple[str, dict[str, str]]]:
        return iter(list(self._known.items()))
