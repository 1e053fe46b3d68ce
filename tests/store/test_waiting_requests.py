"""The oldest requests in flight of a worker, as other processes read them."""

import time
from pathlib import Path

from sidelight.cooperative import run_to_end
from sidelight.store.directory_reader import DirectoryReader
from sidelight.store.layout import pack_method_scheme
from sidelight.store.waiting_requests import MAX_PLACE, MOST, NONE, pack, read
from tests.store.driving import killed, shared, worker

PLACE = "shop/stock.py:31 in shop.stock.reserve, awaiting asyncio.Lock.acquire"


def test_those_that_are_still_in_flight_are_read(tmp_path: Path) -> None:
    """A request that has ended since its worker looked is not shown."""
    where = shared(tmp_path / "store")
    file = worker(where)
    begun = time.monotonic_ns() - 3_000_000_000
    file.acquire_slot(pack_method_scheme("http", "GET"), b"/orders", begun)
    ended = file.acquire_slot(pack_method_scheme("http", "GET"), b"/items", begun - 1)
    file.show_waiting_requests([(begun, "/orders", PLACE), (begun - 1, "/items", PLACE)])
    file.release_slot(ended)
    (found,) = run_to_end(DirectoryReader(where).waiting_requests())
    assert (found.worker, found.route, found.waits_at) == (file.worker, "/orders", PLACE)
    assert 3.0 <= found.seconds < 60.0
    killed(file)
    assert run_to_end(DirectoryReader(where).waiting_requests()) == []
    where.close()


def test_the_oldest_have_room() -> None:
    """Of more routes than have room, or of long ones, the oldest requests are kept."""
    many = [(start, "/r", PLACE) for start in range(100, 0, -1)]
    assert [start for start, _, _ in read(pack(many), 0)] == list(range(1, MOST + 1))
    long = [(start, "ü" * 500, "ü" * 500) for start in range(30)]
    found = read(pack(long), 0)
    assert 1 <= len(found) < MOST
    assert found[0] == (0, "ü" * 120, "ü" * MAX_PLACE)
    assert read(NONE, 0) == read(b"", 0) == read(pack([]), 0) == []
