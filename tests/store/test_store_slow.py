"""Slow requests are stored by workers and by the totals, and never in part."""

import os
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sidelight.cooperative import run_to_end
from sidelight.store import layout, slow_requests
from sidelight.store.directory import Directory, open_shared
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.slow_requests import SlowRequest
from tests.store.driving import killed, merge_all, worker


@pytest.fixture
def where(tmp_path: Path) -> Directory:
    return open_shared(str(tmp_path / "store"))


def record(when: float, **more: Any) -> SlowRequest:
    facts: dict[str, Any] = {
        "route": "/items",
        "method": "GET",
        "status": 200,
        "seconds": 1.5,
        "first_byte": 1.25,
        **more,
    }
    return SlowRequest(when, **facts)


FULL = record(
    1.0,
    phases={"endpoint": 1.0, "dependencies": 0.5},
    loop_blocked=0.25,
    threads_waiting=3,
    trace_id="a" * 32,
    path="/items?",
)


def seen(where: Directory) -> list[SlowRequest]:
    return run_to_end(DirectoryReader(where).slow_requests())


def test_a_reader_sees_what_a_worker_remembers(where: Directory) -> None:
    """Every fact, with the worker's number, and the newest first."""
    file = worker(where, 1)
    file.add_slow_request(FULL)
    file.add_slow_request(record(2.0))
    assert seen(where) == [record(2.0, worker=0), replace(FULL, worker=0)]
    killed(file)


def test_a_worker_keeps_its_last_256(where: Directory) -> None:
    """The 257th takes the place of the first."""
    file = worker(where, 1)
    for number in range(layout.SLOW_RECORDS + 10):
        file.add_slow_request(record(float(number)))
    assert [found.when for found in seen(where)] == [
        float(number) for number in reversed(range(10, layout.SLOW_RECORDS + 10))
    ]
    killed(file)


def test_what_the_dead_remembered_stays(where: Directory) -> None:
    """Merged twice, it is there once, without a worker's number; the newest 256 are kept."""
    first = worker(where, 1)
    first.add_slow_request(FULL)
    killed(first)
    merge_all(where)
    second = worker(where, 1)
    for number in range(layout.SLOW_RECORDS):
        second.add_slow_request(record(10.0 + number))
    assert len(seen(where)) == layout.SLOW_RECORDS
    killed(second)
    third = worker(where, 1)
    third.add_slow_request(record(5.0))
    killed(third)
    merge_all(where)
    assert [found.when for found in seen(where)] == [
        10.0 + number for number in reversed(range(layout.SLOW_RECORDS))
    ]
    assert {found.worker for found in seen(where)} == {-1}


def test_a_record_is_whole_after_merging(where: Directory) -> None:
    """No fact is lost with the worker."""
    file = worker(where, 1)
    file.add_slow_request(FULL)
    killed(file)
    merge_all(where)
    assert seen(where) == [FULL]


@pytest.mark.parametrize(
    ("long", "kept"),
    [
        ({"path": "/" + "x" * 1000}, record(1.0)),
        ({"path": "/" + "x" * 1000, "phases": {"p" * 300: 1.0}}, record(1.0)),
        ({"route": "/" + "r" * 1000}, record(1.0, route="/" + "r" * 119)),
        ({"route": "\u20ac" * 1000}, None),
    ],
)
def test_a_record_too_long_is_cut(long: dict[str, Any], kept: SlowRequest | None) -> None:
    """The path goes first, then the phases, then the end of the route, then the record."""
    data = slow_requests.pack_record(record(1.0, **long))
    assert len(data) == layout.SLOW_RECORD_BYTES
    assert slow_requests.read_ring(data, 0, layout.SLOW_RECORD_BYTES // 8) == (
        [kept] if kept else []
    )


@given(some.integers(0, layout.SLOW_RECORD_BYTES - 1), some.integers(1, 255))
def test_a_slot_that_is_being_written_is_no_record(at: int, bits: int) -> None:
    """One changed byte, and it is left out; behind its end it changes nothing."""
    data = bytearray(slow_requests.pack_record(FULL))
    (length,) = struct.unpack_from("<H", data, 4)
    data[at] ^= bits
    found = slow_requests.read_ring(bytes(data), 0, layout.SLOW_RECORD_BYTES // 8)
    assert found == ([FULL] if at >= 6 + length else [])


@given(some.binary(max_size=2000))
def test_random_bytes_are_no_records(data: bytes) -> None:
    """Neither as a ring nor as a list."""
    assert slow_requests.decode(data) == []
    assert slow_requests.read_ring(data, 0, len(data) // 8) == []


@pytest.mark.parametrize(
    "row",
    [
        b"[1]",
        b"[{}]",
        b'[{"when": 1}]',
        b'[{"when": "1", "route": "", "method": "", "status": 1, "seconds": 1, "first_byte": 1}]',
        b'[{"when": 1, "route": 7, "method": "", "status": 1, "seconds": 1, "first_byte": 1}]',
        b'[{"when":1,"route":"","method":"","status":1,"seconds":1,"first_byte":1,"phases":{"a":"b"}}]',
        b'{"when": 1}',
        b"null",
        b"7",
    ],
)
def test_what_is_no_record_is_left_out(row: bytes) -> None:
    """Whatever JSON somebody wrote."""
    assert slow_requests.decode(row) == []


def test_a_later_versions_facts_are_passed_over() -> None:
    """What it adds is not known here, and the rest is."""
    data = slow_requests.encode([FULL]).replace(b'{"when"', b'{"mood": "good", "when"')
    assert slow_requests.decode(data) == [FULL]


def test_a_ring_that_says_it_is_longer_than_its_file_ends_with_it() -> None:
    """Whatever a hostile block says of its size."""
    data = os.urandom(8) + slow_requests.pack_record(FULL)
    assert slow_requests.read_ring(data, 8, 1 << 16) == [FULL]
