"""The layout: what is written is read back, and what can't have been written is refused."""

import struct
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sidelight.contract import DURATION_BUCKETS
from sidelight.errors import InvalidDataError
from sidelight.settings import load
from sidelight.store import capacity, layout, schema
from sidelight.store.layout import BlockKind
from sidelight.store.schema import StoredFamily

WORDS = some.integers(0, (1 << 32) - 1)


@given(some.integers(100, 100_000), some.binary(min_size=16, max_size=16), WORDS, WORDS, WORDS)
def test_a_header_is_read_as_it_was_written(
    most: int, file_id: bytes, worker: int, pid: int, started: int
) -> None:
    """Every header that is planned is read back as it was, and is aligned."""
    header = layout.worker_header(most, file_id, worker, pid, started)
    data = layout.pack_header(header).ljust(layout.HEADER_BYTES, b"\0")
    assert layout.unpack_header(data) == header
    assert layout.worker_number(data) == worker
    assert header.size % 4096 == header.arena_at % 8 == header.slots_at % 8 == 0


def test_a_file_at_the_default_cap_is_at_most_six_mebibytes() -> None:
    """The default cap of 4,000 label sets costs a worker at most 6 MiB."""
    families = schema.schema(load({}, {}).buckets)
    assert 5 * 2**20 < capacity.worker_file_bytes(families, 4000) <= 6 * 2**20


@given(some.integers(0, 8 * layout.HEADER.size - 1))
def test_no_bit_of_a_header_may_change(bit: int) -> None:
    """A header with any one bit flipped is refused."""
    data = bytearray(layout.pack_header(layout.worker_header(100, bytes(16), 1, 2, 3)))
    data[bit // 8] ^= 1 << bit % 8
    if 12 <= bit // 8 < 16:
        return  # padding after the version, under the checksum all the same
    with pytest.raises(InvalidDataError):
        layout.unpack_header(bytes(data).ljust(layout.HEADER_BYTES, b"\0"))


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (7, 4),
        (8, 1 << 31),
        (9, 8),
        (9, 153),
        (10, 1 << 31),
        (11, 1 << 31),
        (12, 8),
        (12, 57),
        (13, 8),
        (13, 300),
        (14, 1 << 40),
        (14, 1),
    ],
)
def test_a_signed_header_that_makes_no_sense_is_refused(at: int, value: int) -> None:
    """A right checksum doesn't help offsets and counts that can't be."""
    fields = [
        layout.MAGIC,
        layout.VERSION,
        layout.NEEDS,
        *layout.worker_header(100, bytes(16), 1, 2, 3),
    ]
    fields[at] = value
    fixed = layout.HEADER.pack(*fields)
    data = fixed + struct.pack("<I", zlib.crc32(fixed))
    with pytest.raises(InvalidDataError):
        layout.unpack_header(data.ljust(layout.HEADER_BYTES, b"\0"))


@given(
    some.lists(
        some.tuples(some.sampled_from(BlockKind), some.binary(max_size=300), some.integers(0, 70)),
        max_size=12,
    ),
    some.integers(0, 400),
)
def test_blocks_are_read_until_the_first_that_is_cut(
    made: list[tuple[BlockKind, bytes, int]], cut: int
) -> None:
    """Whole blocks are read back in order; a cut loses the last ones and invents none."""
    data, ends = b"", []
    for kind, key, values in made:
        data += layout.pack_block(kind, key, values) + bytes(values * 8)
        ends.append(len(data))
    assert len(data) % 8 == 0
    short = data[: max(0, len(data) - cut)]
    found = [(kind, key, values) for kind, values, key, _ in layout.iter_blocks(short, 0)]
    assert found == made[: sum(end <= len(short) for end in ends)]
    assert all(at % 8 == 0 for *_, at in layout.iter_blocks(data, 0))


TEXT = some.text(some.characters(exclude_characters="\0"))


@given(some.integers(0, 999), some.lists(TEXT, min_size=1, max_size=6))
def test_a_key_is_read_as_it_was_written(family: int, labels: list[str]) -> None:
    """Labels of any text come back as they were, but for what can't be written as UTF-8."""
    found = layout.split_key(layout.series_key(family, tuple(labels)))
    known = [label.encode("utf-8", "backslashreplace").decode() for label in labels]
    assert found == (family, tuple(known))


def test_a_separator_inside_a_label_makes_no_label_more() -> None:
    """A label with the separator in it stays one label."""
    _, labels = layout.split_key(layout.series_key(1, ("a\0b", "c")))
    assert len(labels) == 2


def test_a_schema_is_read_as_it_was_written() -> None:
    """Families come back with kind and boundaries, the latter to the last bit."""
    made = schema.schema((*DURATION_BUCKETS, 12.345678901234567))
    assert schema.decode(schema.encode(made)) == made


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "5", "null", "[5]", '[["a"]]', '[["a", "histogram", 5]]', '[["a", "blob", []]]',
        '[["a", "histogram", [2, 1]]]', '[["a", "histogram", [1, 1]]]', '[["a", "info", []]]',
        '[["a", "histogram", ["x"]]]', '[["a", "histogram", [NaN]]]', "[" * 100_000,
        '[["a", "histogram", [1, Infinity]]]', '[["a", "counter", [1.0]]]',
        f'[["a", "histogram", [1{"0" * 400}]]]',
    ],
)  # fmt: skip
def test_a_schema_that_can_not_be_is_refused(text: str) -> None:
    """What no version writes is damaged, not an error of another kind and not a schema."""
    with pytest.raises(InvalidDataError):
        schema.decode(text.encode())


@given(some.binary(max_size=200))
def test_a_random_schema_is_read_or_refused(data: bytes) -> None:
    """Random bytes are a schema, or damaged."""
    with suppress(InvalidDataError):
        assert all(isinstance(family, StoredFamily) for family in schema.decode(data))
