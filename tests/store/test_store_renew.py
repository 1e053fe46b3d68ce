"""A directory that goes away under a worker, and comes back."""

import asyncio
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.contract import METRICS, NANOSECONDS
from sidelight.cooperative import run_to_end
from sidelight.errors import StoreError
from sidelight.export.collector import Collector
from sidelight.runtime.heartbeat import heartbeat
from sidelight.settings import load
from sidelight.store import directory, layout, process_store, reader, supervisor
from sidelight.store.process_store import Store, open_store
from tests.descriptors import open_descriptors
from tests.store.driving import call, count, page, requests, shared, totalled
from tests.store.driving import open_store as open_in

MEMORY = METRICS["process_resident_memory_bytes"]
CPU = METRICS["process_cpu_seconds_total"]
COUNT = (
    'http_server_request_duration_seconds_count{http_request_method="GET",http_route="/",'
    'http_response_status_code="200",error_type="",url_scheme="http"} '
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[SidelightMiddleware]:
    """A measured application in a directory of its own."""

    async def home(_: Request) -> PlainTextResponse:
        return PlainTextResponse("home")

    app = SidelightMiddleware(
        Starlette(routes=[Route("/", home)]), directory=str(tmp_path / "store")
    )
    yield app
    app.lifecycle.close()


def visit(app: SidelightMiddleware, times: int = 1) -> None:
    for _ in range(times):
        assert asyncio.run(call(app, "/"))[0] == 200


def beat(app: SidelightMiddleware) -> None:
    assert app.lifecycle.recorder is not None
    app.lifecycle.recorder.heartbeat._do_chores()


def test_nothing_is_renewed_while_all_is_there(tmp_path: Path) -> None:
    """A file that still has its name is left as it is."""
    store = open_in(tmp_path / "store")
    name = store.file.name
    assert not store.renew()
    assert store.file.name == name
    store.close()


def test_a_renewed_file_holds_what_was_counted(tmp_path: Path) -> None:
    """A fresh reader finds the same counts in the directory that was made again."""
    store = open_in(tmp_path / "store")
    count(store.file, 7)
    before = open_descriptors(tmp_path)
    for times in range(1, 4):
        shutil.rmtree(tmp_path / "store")
        assert store.renew()
        count(store.file, 1)
        where = shared(tmp_path / "store")
        assert totalled(where) == 7 + times
        where.close()
    after = open_descriptors(tmp_path)
    assert after == before
    store.close()


def test_workers_keep_their_numbers_in_whatever_order_they_renew(tmp_path: Path) -> None:
    """The second of two workers renews first: each value is exported once, by its own worker."""
    stores = [open_in(tmp_path / "store") for _ in range(2)]
    for store in stores:
        _publish(store)
    shutil.rmtree(tmp_path / "store")
    for store in reversed(stores):
        assert store.renew()
    assert [store.file.worker for store in stores] == [0, 1]
    assert _published(stores) == {"0": 7, "1": 8}
    for store in stores:
        store.close()


def test_a_worker_whose_number_was_taken_takes_back_what_it_said_by_it(tmp_path: Path) -> None:
    """A worker started meanwhile has the number: the renewed one says nothing by it any more."""
    former = open_in(tmp_path / "store")
    _publish(former)
    shutil.rmtree(tmp_path / "store")
    newer = open_in(tmp_path / "store")
    assert newer.file.worker == 0
    assert former.renew()
    assert former.file.worker == 1
    assert _published([newer, former]) == {}
    _publish(newer, 50)
    _publish(former, 60)
    assert _published([newer, former]) == {"0": 50, "1": 60}
    for store in (newer, former):
        store.close()


def _publish(store: Store, value: int | None = None) -> None:
    """Let a worker say a gauge, and a counter of the system's, by its number."""
    file = store.file
    said = file.worker + 7 if value is None else value
    file.set(MEMORY, (str(file.worker),), said)
    file.set(CPU, (str(file.worker),), said * NANOSECONDS)


def _published(stores: list[Store]) -> dict[str, float]:
    """What a reader finds of both, which must be the same; by worker, without zeros."""
    found = []
    for metric in (MEMORY, CPU):
        sums = run_to_end(Collector(stores[0].reader).collect()).sums
        found.append(
            {
                key.labels[0]: values[0] / metric.divisor
                for key, values in sums.items()
                if key.family.name == metric.name and values[0]
            }
        )
    assert found[0] == found[1]
    return found[0]


def test_a_file_that_alone_was_removed_is_made_again(tmp_path: Path) -> None:
    """Somebody removed the file and not the directory."""
    store = open_in(tmp_path / "store")
    count(store.file, 7)
    (tmp_path / "store" / store.file.name).unlink()
    assert store.renew()
    where = shared(tmp_path / "store")
    assert totalled(where) == 7
    where.close()
    store.close()


def test_a_renewal_that_fails_is_tried_again(tmp_path: Path) -> None:
    """While the path is taken by something else, counting goes on; later all is there."""
    store = open_in(tmp_path / "store")
    count(store.file, 7)
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "store").write_text("taken")
    with pytest.raises(StoreError):
        store.renew()
    count(store.file, 2)
    (tmp_path / "store").unlink()
    assert store.renew()
    where = shared(tmp_path / "store")
    assert totalled(where) == 9
    where.close()
    store.close()


def test_a_renewal_without_room_changes_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While memory is full the file is what it was, and no snapshot lies beside none."""

    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    class Registry:
        def collect(self) -> list[Any]:
            return []

    store = open_in(tmp_path / "store")
    count(store.file, 7)
    app_metrics = heartbeat(store).app_metrics
    app_metrics.add_registry(Registry())
    asyncio.run(app_metrics.collect())
    assert len(list((tmp_path / "store").glob("*.user"))) == 1
    for path in (tmp_path / "store").iterdir():
        path.unlink()
    before = store.file.id, store.file.name, store.file.worker
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full, raising=False)
        patched.setattr(os, "ftruncate", full)
        for _ in range(3):
            with pytest.raises(StoreError, match="full"):
                store.renew()
            asyncio.run(app_metrics.collect())
    assert (store.file.id, store.file.name, store.file.worker) == before
    assert requests(reader.read(store.file.name, store.file.fd, {}, alive=True)) == 7
    assert list((tmp_path / "store").glob("*.user")) == []
    assert store.renew()
    asyncio.run(app_metrics.collect())
    (left,) = (tmp_path / "store").glob("*.user")
    assert left.stem == store.file.id.hex()
    store.close()


def test_requests_right_after_a_renewal_are_counted(
    service: SidelightMiddleware, tmp_path: Path
) -> None:
    """A request between the renewal and the timer's next turn is in the new file."""
    visit(service, 5)
    shutil.rmtree(tmp_path / "store")
    beat(service)
    visit(service, 3)
    assert COUNT + "8" in page(service)


def test_a_page_without_its_directory_still_counts(
    service: SidelightMiddleware, tmp_path: Path
) -> None:
    """The page of a worker whose directory is gone has that worker's counts."""
    visit(service, 5)
    shutil.rmtree(tmp_path / "store")
    assert COUNT + "5" in page(service)


def test_requests_in_flight_over_a_renewal_are_given_back(
    service: SidelightMiddleware, tmp_path: Path
) -> None:
    """More requests in flight than there are rows, over a renewal, end as they should."""
    visit(service)
    assert service.lifecycle.recorder is not None
    file = service.lifecycle.recorder.file
    held = [file.acquire_slot(1, b"/", 1) for _ in range(layout.SLOTS)]
    row = file.acquire_slot(0, b"", 1)
    shutil.rmtree(tmp_path / "store")
    beat(service)
    file.release_slot(row)
    for other in held:
        file.release_slot(other)
    assert 'fastapi_active_requests{http_route="_UNKNOWN"}' not in page(service)


def test_a_worker_that_starts_while_the_last_one_leaves_gets_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private directory that goes between being opened and used is made again."""
    monkeypatch.setattr(directory, "memory_folder", lambda: str(tmp_path))
    group = f"uvicorn-{os.getpid()}-{supervisor.start_time(os.getpid())}-1-abc"
    monkeypatch.setattr(supervisor, "group", lambda: group)
    private = directory.open_private
    taken: list[directory.Directory] = []

    def racing(name: str) -> directory.Directory:
        found = private(name)
        if not taken:
            taken.append(found)
            found.destroy()  # as the last worker of a former set does
        return found

    monkeypatch.setattr(directory, "open_private", racing)
    monkeypatch.delenv("SIDELIGHT_DIR", raising=False)
    try:
        store = open_store(load({}, {}, tmp_path))
        assert store.file.is_linked()
        store.close()
    finally:
        process_store._shared.clear()
