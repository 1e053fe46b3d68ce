"""Slow requests are stored by workers and by the totals, and never in part."""

import os
import struct
import time
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
from sidelight.store.slow_filter import SlowRequestFilter
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


LINE = "/report: /srv/shop/report.py:31 in total"
FULL = record(
    1.0,
    queued=0.125,
    phases={"endpoint": 1.0, "dependencies": 0.5},
    loop_blocked=0.25,
    threads_waiting=3,
    trace_id="a" * 32,
    path="/items?",
    blocked_by=LINE,
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


def test_a_worker_keeps_its_last(where: Directory) -> None:
    """One more than there are places takes the place of the first."""
    file = worker(where, 1)
    for number in range(layout.SLOW_RECORDS + 10):
        file.add_slow_request(record(float(number)))
    assert [found.when for found in seen(where)] == [
        float(number) for number in reversed(range(10, layout.SLOW_RECORDS + 10))
    ]
    killed(file)


def test_one_route_leaves_the_others_their_places(where: Directory) -> None:
    """A route that is slow a thousand times replaces its own requests, before and after a merge."""
    few = [record(float(number), route=f"/few/{number}") for number in range(5)]
    exports = [record(10.0 + number, route="/export") for number in range(1000)]
    first, second = worker(where, 1), worker(where, 1)
    for one in few[:3] + exports[:500]:
        first.add_slow_request(one)
    for one in exports[500:900] + few[3:] + exports[900:]:
        second.add_slow_request(one)
    expected = {one.when for one in few + exports[-(layout.SLOW_RECORDS - 5) :]}
    assert {found.when for found in seen(where)} == expected
    killed(first)
    killed(second)
    merge_all(where)
    assert {found.when for found in seen(where)} == expected


def test_more_routes_than_places(where: Directory) -> None:
    """With a request of each of 300 routes, the oldest are replaced."""
    file = worker(where, 1)
    for number in range(300):
        file.add_slow_request(record(float(number), route=f"/{number}"))
    newest = range(299, 299 - layout.SLOW_RECORDS, -1)
    assert [found.when for found in seen(where)] == [float(number) for number in newest]
    killed(file)


@pytest.mark.parametrize(
    ("asked", "whens"),
    [
        ({}, [4.0, 3.0, 2.0, 1.0]),
        ({"route": "/a"}, [3.0, 1.0]),
        ({"route": "POST /a"}, [3.0]),
        ({"route": "/c"}, []),
        ({"since": 3.0}, [4.0, 3.0]),
        ({"limit": 1}, [4.0]),
        ({"route": "/b", "since": 1.5, "limit": 1}, [4.0]),
    ],
)
def test_those_that_are_asked_for(asked: dict[str, Any], whens: list[float]) -> None:
    """By route with or without a method, by time, and the newest so many."""
    records = [
        record(1.0, route="/a"),
        record(2.0, route="/b"),
        record(3.0, route="/a", method="POST"),
        record(4.0, route="/b"),
    ]
    assert [found.when for found in SlowRequestFilter(**asked).select(records)] == whens


def test_a_blocked_loop_is_shown_while_it_lasts(where: Directory) -> None:
    """Others see since when a running worker's loop is blocked, and by what; not a killed one's."""
    file, other = worker(where, 1), worker(where, 1)
    reader = DirectoryReader(where)
    assert run_to_end(reader.blocked_loops()) == []
    file.show_blocked_loop(time.monotonic_ns() - 5_000_000_000, LINE)
    (found,) = run_to_end(reader.blocked_loops())
    assert (found.worker, found.blocked_by) == (0, LINE)
    assert 5 <= found.seconds < 60
    file.hide_blocked_loop()
    assert run_to_end(reader.blocked_loops()) == []
    other.show_blocked_loop(0, "x" * 10_000)
    (found,) = run_to_end(reader.blocked_loops())
    assert found.blocked_by == "x" * 240
    killed(other)
    assert run_to_end(reader.blocked_loops()) == []
    killed(file)


def test_what_the_dead_remembered_stays(where: Directory) -> None:
    """Merged twice, it is there once, without a worker's number; as many as of one worker stay."""
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
        ({"path": "/" + "x" * 1000, "phases": {"p" * 500: 1.0}}, record(1.0)),
        (
            {"blocked_by": LINE + ", called from " + "b" * 400, "phases": {"endpoint": 1.0}},
            record(1.0, blocked_by=LINE, phases={"endpoint": 1.0}),
        ),
        ({"blocked_by": "b" * 300, "phases": {"p" * 300: 1.0}}, record(1.0, blocked_by="b" * 300)),
        ({"blocked_by": "b" * 1000}, record(1.0)),
        ({"route": "/" + "r" * 1000}, record(1.0, route="/" + "r" * 119)),
        ({"route": "\u20ac" * 1000}, None),
    ],
)
def test_a_record_too_long_is_cut(long: dict[str, Any], kept: SlowRequest | None) -> None:
    """The path goes first, then callers, phases, the line, the end of the route, the record."""
    data = slow_requests.pack_record(record(1.0, **long))
    assert len(data) == layout.SLOW_RECORD_BYTES
    assert slow_requests.read_ring(data, 0, layout.SLOW_RECORD_BYTES // 8) == (
        [kept] if kept else []
    )


def test_a_record_with_all_that_there_is_has_its_phases() -> None:
    """There is room for them beside lines of code, a trace and times with many digits."""
    full = record(
        1_764_554_400.1234567,
        route="/customers/{customer_id}/orders",
        queued=0.1234567890123,
        phases=dict.fromkeys(("queue", "body", "dependencies", "endpoint"), 0.123),
        loop_blocked=0.1234567890123,
        waited=0.1234567890123,
        waited_at="shop/stock.py:131 in shop.stock.reserve, awaiting asyncio.Lock.acquire",
        threads_waiting=13,
        trace_id="a" * 32,
        blocked_by=LINE,
    )
    data = slow_requests.pack_record(full)
    (found,) = slow_requests.read_ring(data, 0, layout.SLOW_RECORD_BYTES // 8)
    assert found.phases == full.phases
    assert (found.waited, found.waited_at) == (0.123457, full.waited_at)
    assert (found.blocked_by, found.trace_id) == (LINE, full.trace_id)


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
