"""Shared memory that fails under real servers: requests are answered, and the page says why."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.conftest import Serve
from tests.live.counting import ITEM, MAKE, Load, ask, requests, scrape, settle, value
from tests.live.servers import Server, eventually, fill
from tests.live.tmpfs import tmpfs

pytestmark = pytest.mark.live

INTERNAL = "sidelight_internal_errors_total"


@pytest.fixture
def small_tmpfs(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a file system with these options; servers are gone before it is unmounted."""
    with ExitStack() as mounts:
        yield lambda options: mounts.enter_context(tmpfs(tmp_path / "small", options))


def check_unmeasured(server: Server, where: str, why: str) -> None:
    """Every request is answered; page and log say what is wrong."""
    ask(server, {ITEM: 20, MAKE: 5})
    page = scrape(server)
    assert value(page, INTERNAL, where=where) >= 1
    assert why in server.log
    assert requests(page) == {}
    assert server.stop() in {0, -signal.SIGTERM}


def test_full_shared_memory(small_tmpfs: Callable[[str], Path], uvicorn: Serve) -> None:
    """Without room for a worker's file the service runs unmeasured, and says so."""
    small = small_tmpfs("size=256k")
    server = uvicorn(2, SIDELIGHT_DIR=str(small / "store")).ready()
    check_unmeasured(server, "store_no_space", "No space left on device")
    assert not list((small / "store").glob("*.draft"))


def test_shared_memory_that_fills_up_later(
    small_tmpfs: Callable[[str], Path], uvicorn: Serve
) -> None:
    """While nothing can be written, a stopped worker's counts stay, and are merged afterwards."""
    small = small_tmpfs("size=16m")
    where = small / "store"
    server = uvicorn(2, SIDELIGHT_DIR=str(where)).ready()
    settle(server, 2)
    ask(server, {ITEM: 40})
    scrape(server)
    filler = small / "filler"
    fill(filler)
    os.kill(server.pid, signal.SIGSTOP)  # a new worker would find no room, and measure nothing
    server.kill(server.workers()[0])
    ask(server, {ITEM: 10})
    assert requests(scrape(server))[ITEM.route_status] == 50
    eventually(lambda: value(scrape(server), INTERNAL, where="fold") >= 1)
    assert requests(scrape(server))[ITEM.route_status] == 50
    assert "No space left on device" in server.log
    filler.unlink()
    ask(server, {ITEM: 1})
    assert requests(scrape(server))[ITEM.route_status] == 51
    assert value(scrape(server), "sidelight_worker_exits_total", how="died") == 1
    os.kill(server.pid, signal.SIGCONT)


def test_read_only_shared_memory(small_tmpfs: Callable[[str], Path], uvicorn: Serve) -> None:
    """On a file system that can't be written to the service runs unmeasured, and says so."""
    small = small_tmpfs("size=8m,ro")
    server = uvicorn(2, SIDELIGHT_DIR=str(small / "store")).ready()
    check_unmeasured(server, "store_read_only", "Read-only file system")


def test_directory_that_is_a_file(uvicorn: Serve, store: Path) -> None:
    """A path that is a file is no directory: the service runs unmeasured, and says so."""
    store.write_text("mine")
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    check_unmeasured(server, "store_unusable", "Not a directory")
    assert store.read_text() == "mine"


def test_directory_that_is_a_link(uvicorn: Serve, store: Path, tmp_path: Path) -> None:
    """A symbolic link in place of the directory is not followed."""
    (tmp_path / "elsewhere").mkdir()
    store.symlink_to(tmp_path / "elsewhere")
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    check_unmeasured(server, "store_unusable", str(store))
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_directory_everyone_may_write_to(uvicorn: Serve, store: Path) -> None:
    """A directory that anybody may write to is refused, with the line that mends it."""
    store.mkdir()
    store.chmod(0o777)
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    check_unmeasured(server, "store_rights", f"chmod 2770 {store}")
    assert list(store.iterdir()) == []


def test_directory_removed_while_running(uvicorn: Serve, store: Path) -> None:
    """A removed directory is made again, with all that the running workers had counted."""
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    settle(server, 2)
    ask(server, {ITEM: 30})
    assert requests(scrape(server))[ITEM.route_status] == 30
    shutil.rmtree(store)
    ask(server, {ITEM: 10, MAKE: 5})
    eventually(lambda: len(list(store.glob("*.worker"))) == 2)
    page = scrape(server)
    assert requests(page)[ITEM.route_status] == 40
    assert requests(page)[MAKE.route_status] == 5
    assert f"was removed; made again at {store}" in server.log
    ask(server, {ITEM: 1})
    assert requests(scrape(server))[ITEM.route_status] == 41
    server.stop()
    assert list(store.glob("*.worker")) == []


def test_the_page_right_after_its_directory_was_removed(uvicorn: Serve, store: Path) -> None:
    """The first page after a removal still has what the worker that makes it has counted."""
    server = uvicorn(1, SIDELIGHT_DIR=str(store)).ready()
    ask(server, {ITEM: 30})
    for _ in range(5):
        shutil.rmtree(store)
        assert requests(scrape(server))[ITEM.route_status] == 30
        eventually(store.exists)


def test_private_directory_removed_while_running(uvicorn: Serve) -> None:
    """A directory of Sidelight's own making is made again too, and goes with the server."""
    server = uvicorn(2).ready(2)
    ask(server, {ITEM: 30})
    shutil.rmtree(server.folders()[0])
    eventually(lambda: len(server.files()) == 2)
    ask(server, {ITEM: 3})
    settle(server, 2)
    assert requests(scrape(server))[ITEM.route_status] == 33
    server.stop()
    server.leaves_nothing()


def test_bad_files_beside_real_workers(uvicorn: Serve, store: Path) -> None:
    """Files that are none of ours change no count and no answer, under load and at a restart."""
    server = uvicorn(2, SIDELIGHT_DIR=str(store)).ready()
    settle(server, 2)
    good = next(store.glob("*.worker")).read_bytes()
    (store / "garbage.worker").write_bytes(os.urandom(5000))
    (store / "empty.worker").write_bytes(b"")
    (store / "short.worker").write_bytes(good[:1000])
    (store / "link.worker").symlink_to("/etc/passwd")
    (store / "folder.worker").mkdir()
    os.mkfifo(store / "pipe.worker")
    (store / "version.worker").write_bytes(good[:12] + b"\xff" + good[13:])
    with Load(server, 4) as load:
        eventually(lambda: load.total > 100)
        victim = server.workers()[0]
        server.kill(victim)
        eventually(lambda: victim not in server.workers() and len(server.workers()) == 2)
        settle(server, 2)
    check = requests(scrape(server))
    for asked, times in load.answered.items():
        assert times <= check[asked] <= times + load.cut[asked]
    page = scrape(server)
    for reason in ("not_ours", "truncated", "layout_version", "unreadable"):
        assert value(page, "sidelight_files_skipped_total", reason=reason) >= 1, reason
    assert value(page, "sidelight_worker_exits_total", how="died") == 1
    for name in ("garbage", "empty", "short", "link", "folder", "pipe", "version"):
        assert f"{name}.worker" in server.log, name
