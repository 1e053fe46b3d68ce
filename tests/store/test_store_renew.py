"""A directory that goes away under a worker, and comes back."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from sidelight.asgi.middleware import SidelightMiddleware
from sidelight.errors import StoreError
from sidelight.settings import load
from sidelight.store import directory, layout, local, supervisor
from sidelight.store.local import open_store
from tests.store.driving import call, count, page, shared, totalled
from tests.store.driving import open_store as open_in

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
    app._close()


def open_files() -> int:
    """Descriptors of this process, where the system tells."""
    listing = Path("/proc/self/fd")
    return sum(1 for _ in listing.iterdir()) if listing.exists() else 0


def visit(app: SidelightMiddleware, times: int = 1) -> None:
    for _ in range(times):
        assert asyncio.run(call(app, "/"))[0] == 200


def beat(app: SidelightMiddleware) -> None:
    assert app._recorder is not None
    app._recorder.heartbeat._do_chores()


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
    before = open_files()
    for times in range(1, 4):
        shutil.rmtree(tmp_path / "store")
        assert store.renew()
        count(store.file, 1)
        where = shared(tmp_path / "store")
        assert totalled(where) == 7 + times
        where.close()
    after = open_files()
    assert after == before
    store.close()


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
    assert service._recorder is not None
    file = service._recorder.file
    held = [file.take(1, b"/", 1) for _ in range(layout.ROWS)]
    row = file.take(0, b"", 1)
    shutil.rmtree(tmp_path / "store")
    beat(service)
    file.leave(row)
    for other in held:
        file.leave(other)
    assert 'fastapi_active_requests{http_route="_UNKNOWN"}' not in page(service)


def test_a_worker_that_starts_while_the_last_one_leaves_gets_its_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A private directory that goes between being opened and used is made again."""
    monkeypatch.setattr(directory, "memory_folder", lambda: str(tmp_path))
    group = f"uvicorn-{os.getpid()}-{supervisor.start_time(os.getpid())}-1-abc"
    monkeypatch.setattr(supervisor, "group", lambda: group)
    private = directory.private
    taken: list[directory.Directory] = []

    def racing(name: str) -> directory.Directory:
        found = private(name)
        if not taken:
            taken.append(found)
            found.destroy()  # as the last worker of a former set does
        return found

    monkeypatch.setattr(directory, "private", racing)
    monkeypatch.delenv("SIDELIGHT_DIR", raising=False)
    try:
        store = open_store(load({}, {}, tmp_path))
        assert store.file.linked()
        store.close()
    finally:
        local._shared.clear()
