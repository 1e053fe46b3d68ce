"""The layout of a worker's file and of the totals. No other module knows it.

A file is a header, the slots of requests in flight, a table of exemplars, and an arena of
blocks, one after the other. A block is a head (checksum, length, kind, number of value
words, length of its key), its key, and its values; head and key never change once they are
written, so a reader trusts them where the checksum is right, and stops at the first that is
wrong. The key of a series begins with the time of its first value. All numbers are little-endian;
values are 8-byte whole numbers at 8-byte addresses: a counter's or gauge's one value, or a
histogram's sum and then its buckets with infinity.

A worker's file is as long as it can become, and has memory for what is used of it and a little
more (see `store.mapped_file`).

A header says how long a slot is, and the oldest version that can read the file. So a later
version may add words to the header, a slot or an exemplar, kinds of blocks and families, and an
older reader still counts what it knows (docs/decisions/0009).
"""

import struct
import zlib
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, Literal, NamedTuple

from sidelight.errors import InvalidDataError
from sidelight.store.route_table import WEBSOCKET

MAGIC: Final = b"SIDELITE"
VERSION: Final = 2
"""The version of the files that are written here."""
NEEDS: Final = 2
"""The oldest version whose reader understands the files written here."""
WORD: Final = 8

HEADER: Final = struct.Struct("<8sII16sQQQIIIIIIQQ")
"""Magic, version, needed version, id, worker, pid, start (ns since the epoch), then offset,
number and bytes of slots, the same of exemplars, the arena's offset, and the whole size.
A checksum follows."""
HEADER_BYTES: Final = 256
MAX_BYTES: Final = 64 * 1024 * 1024
"""More than the largest limit of series needs; a reader refuses a larger file."""
# Words of the header that change while the worker runs: its state, its last heartbeat, the
# number of requests in flight without a slot, the end of the arena's last block, and the time
# (ns since the epoch) of the newest exemplar that is no longer stored.
STATE: Final = 24
HEARTBEAT: Final = 25
UNTRACKED: Final = 26
USED: Final = 27
EXEMPLARS_AFTER: Final = 28

SLOTS: Final = 1024
NATIVE: Literal["L", "Q"] = "L" if struct.calcsize("L") == WORD else "Q"
"""The format of a word in a `memoryview`; of the two, ``L`` is faster."""
SLOT_WORDS: Final = 19
PATH_BYTES: Final = (SLOT_WORDS - 2) * WORD
"""A slot is a start (CLOCK_MONOTONIC in ns; 0 when free), scheme and method in one word (see
`pack_method_scheme`), and the raw path up to a NUL, or cut. The start is written last."""
SCHEMES: Final = ("_OTHER", "http", "https", "ws", "wss")

EXEMPLAR: Final = struct.Struct("<IIQ16s8sdd")
"""Checksum, bucket, block address, trace id, span id, value, seconds since the epoch."""
EXEMPLARS: Final = 512

SLOW_RECORDS: Final = 192
SLOW_RECORD_BYTES: Final = 512
"""A worker's last slow requests: so many records of so many bytes, the values of one block."""
BLOCKED_LOOP_BYTES: Final = 512
"""The record of an event loop that is blocked, the values of one block."""
WAITING_BYTES: Final = 4096
"""The record of the oldest requests in flight, the values of one block."""
RECORDS: Final = SLOW_RECORDS * SLOW_RECORD_BYTES + BLOCKED_LOOP_BYTES + WAITING_BYTES

HEAD: Final = struct.Struct("<IIHHI")
BYTES_PER_SERIES: Final = 300
"""Of a label set, its part of the route table, and a value; `store.capacity` adds the buckets."""
SLACK: Final = 160 * 1024
"""For series of ``_OTHER``, of which a hundred count durations, and what no limit applies to."""
STEP: Final = 64 * 1024
"""A worker's file gets so much more memory at a time."""
SEPARATOR: Final = "\0"


class WorkerState(IntEnum):
    """The state of a worker, which it writes itself."""

    SERVING = 1
    DRAINING = 2
    CLOSED = 3


class BlockKind(IntEnum):
    """Kinds of blocks."""

    SERIES = 1
    """A series of version 1, without the time of its first value."""
    SCHEMA = 2
    ROUTES = 3
    ROOTS = 4
    MERGED_IDS = 5
    APP_METRICS = 6
    SERVICE_INFO = 7
    SLOW_REQUESTS = 8
    BLOCKED_LOOP = 9
    LISTENING_PORTS = 10
    WAITING_REQUESTS = 11
    LATENCY_OBJECTIVES = 12
    STARTED_SERIES = 13


LATER: Final = "layout_version"
"""The reason why a file of a later version that this one cannot read is skipped."""


class FileHeader(NamedTuple):
    """The part of a header that does not change."""

    id: bytes
    worker: int
    pid: int
    started: int
    slots_at: int
    slots: int
    slot_bytes: int
    exemplars_at: int
    exemplars: int
    exemplar_bytes: int
    arena_at: int
    size: int


def worker_header(  # noqa: PLR0913 what a header has, and the size
    max_series: int, file_id: bytes, worker: int, pid: int, started: int, *, extra: int = 0
) -> FileHeader:
    """The header, and so the layout, of a file for ``max_series`` label sets.

    ``extra`` is how many more bytes its arena has: for buckets, and the reserve (see
    `store.capacity`).
    """
    exemplars_at = HEADER_BYTES + SLOTS * SLOT_WORDS * WORD
    arena_at = exemplars_at + EXEMPLARS * EXEMPLAR.size
    size = arena_at + SLACK + RECORDS + max_series * BYTES_PER_SERIES
    size = min(-(-(size + extra) // 4096) * 4096, MAX_BYTES)
    slots = HEADER_BYTES, SLOTS, SLOT_WORDS * WORD
    exemplars = exemplars_at, EXEMPLARS, EXEMPLAR.size
    return FileHeader(file_id, worker, pid, started, *slots, *exemplars, arena_at, size)


def totals_header(file_id: bytes, pid: int, started: int, arena: int) -> FileHeader:
    """The header of a file that has only an arena, of so many bytes."""
    at = HEADER_BYTES
    none = at, 0, SLOT_WORDS * WORD, at, 0, EXEMPLAR.size
    return FileHeader(file_id, 0, pid, started, *none, at, at + arena)


def pack_header(header: FileHeader) -> bytes:
    """The header's fixed bytes with their checksum."""
    fixed = HEADER.pack(MAGIC, VERSION, NEEDS, *header)
    return fixed + struct.pack("<I", zlib.crc32(fixed))


def unpack_header(data: bytes) -> FileHeader:
    """Read a header. Raises `InvalidDataError`."""
    if len(data) < HEADER_BYTES:
        raise InvalidDataError("truncated")
    magic, _, needs, *rest = HEADER.unpack_from(data)
    if magic != MAGIC:
        raise InvalidDataError("not_ours")
    if needs > VERSION:
        raise InvalidDataError(LATER)
    (checksum,) = struct.unpack_from("<I", data, HEADER.size)
    header = FileHeader(*rest)
    if checksum != zlib.crc32(data[: HEADER.size]):
        raise InvalidDataError("torn")
    slots_end = header.slots_at + header.slots * header.slot_bytes
    exemplars_end = header.exemplars_at + header.exemplars * header.exemplar_bytes
    if not max(HEADER_BYTES, slots_end, exemplars_end) <= header.arena_at <= header.size:
        raise InvalidDataError("torn")
    if header.slot_bytes < SLOT_WORDS * WORD or header.exemplar_bytes < EXEMPLAR.size:
        raise InvalidDataError("torn")
    words = header.slots_at, header.slot_bytes, header.exemplar_bytes, header.arena_at
    if header.size > MAX_BYTES or any(at % WORD for at in words):
        raise InvalidDataError("torn")
    return header


def pack_method_scheme(scheme: str, method: str) -> int:
    """Scheme and method as one word: the scheme's number, and the method's letters.

    A method is one of the contract's, of at most seven letters; a WebSocket has none.
    """
    letters = b"" if method == WEBSOCKET else method.encode()
    return int.from_bytes(bytes([SCHEMES.index(scheme)]) + letters, "little")


def is_request(word: int) -> bool:
    """Whether a word with scheme and method is a request's, and no WebSocket's."""
    return word >> 8 != 0


def unpack_method_scheme(word: int) -> tuple[str, str]:
    """The inverse of `pack_method_scheme`, for any word that a file may contain."""
    scheme, *method = word.to_bytes(WORD, "little")
    name = SCHEMES[scheme] if scheme < len(SCHEMES) else SCHEMES[0]
    return name, bytes(method).rstrip(b"\0").decode("latin-1") or WEBSOCKET


def pack_block(kind: BlockKind, key: bytes, values: int) -> bytes:
    """A block's head and key, padded so that its ``values`` words follow."""
    padding = -(HEAD.size + len(key)) % WORD
    length = HEAD.size + len(key) + padding + values * WORD
    rest = HEAD.pack(0, length, kind, values, len(key))[4:] + key
    return struct.pack("<I", zlib.crc32(rest)) + rest + bytes(padding)


def iter_blocks(data: bytes, at: int) -> Iterator[tuple[int, int, bytes, int]]:
    """Yield ``(kind, values, key, address of the values)`` until a block is not valid.

    An address is in bytes from the start of ``data``.
    """
    end, head = len(data), HEAD.size
    crc32, unpack = zlib.crc32, HEAD.unpack_from
    while at + head <= end:
        checksum, length, kind, values, key_length = unpack(data, at)
        key_end = at + head + key_length
        if length % WORD or at + length > end or key_end + values * WORD > at + length:
            return
        if length < head or checksum != crc32(data[at + 4 : key_end]):
            return
        yield kind, values, data[at + head : key_end], at + length - values * WORD
        at += length


def series_key(family: int, labels: tuple[str, ...]) -> bytes:
    """What names a series: the number of its family in the schema, and its labels."""
    text = SEPARATOR.join(label.replace(SEPARATOR, "\N{REPLACEMENT CHARACTER}") for label in labels)
    return b"%d\0" % family + text.encode("utf-8", "backslashreplace")


def started_key(started: int, key: bytes) -> bytes:
    """The key of a series block: when its first value was recorded (ns since the epoch), and more.

    The time is 0 where it is not known, as of what the operating system counts.
    """
    return started.to_bytes(WORD, "little") + key


def split_started(key: bytes) -> tuple[int, bytes]:
    """The inverse of `started_key`."""
    return int.from_bytes(key[:WORD], "little"), key[WORD:]


def split_key(key: bytes) -> tuple[int, tuple[str, ...]]:
    """The inverse of `series_key`. Raises ValueError for a hostile key."""
    family, _, text = key.partition(b"\0")
    return int(family), tuple(text.decode("utf-8", "replace").split(SEPARATOR))


def with_checksum(rest: bytes) -> bytes:
    """An exemplar's bytes with their checksum in front."""
    return struct.pack("<I", zlib.crc32(rest)) + rest


def worker_number(head: bytes) -> int:
    """The worker number in the first bytes of a file. Raises `InvalidDataError`."""
    if len(head) < HEADER_BYTES or head[:8] != MAGIC:
        raise InvalidDataError("not_ours")
    found: int = HEADER.unpack_from(head)[4]
    return found
