"""Files of version 1, which have classic buckets only, and no time of a series' first value."""

import os
import struct
import zlib
from collections.abc import Mapping
from json import dumps

from sidelight.store import layout
from sidelight.store.directory import Directory
from sidelight.store.layout import BlockKind

Series = Mapping[tuple[str, ...], tuple[int, ...]]


def former_file(
    where: Directory, name: str, bounds: tuple[float, ...], series: Series, started: int
) -> str:
    """Write the file of a stopped worker that had one family, a histogram; its name."""
    arena = layout.pack_block(BlockKind.SCHEMA, dumps([[name, "histogram", bounds]]).encode(), 0)
    for labels, values in series.items():
        key = layout.series_key(0, labels)
        arena += layout.pack_block(BlockKind.SERIES, key, len(values))
        arena += struct.pack(f"<{len(values)}Q", *values)
    header = layout.worker_header(100, os.urandom(16), 0, 4, started)
    fixed = layout.HEADER.pack(layout.MAGIC, 1, 1, *header)
    data = bytearray(header.size)
    data[: len(fixed) + 4] = fixed + struct.pack("<I", zlib.crc32(fixed))
    data[header.arena_at : header.arena_at + len(arena)] = arena
    words = {layout.STATE: 3, layout.USED: header.arena_at + len(arena)}
    for at, value in words.items():
        struct.pack_into("<Q", data, at * layout.WORD, value)
    found = f"{header.id.hex()}.worker"
    where.write(found, bytes(data))
    return found
