"""The directory: rights, names, what is refused, what is swept."""

import gc
import os
import stat
import time
import uuid
from pathlib import Path

import pytest

from sidelight.errors import StoreError
from sidelight.store import directory, supervisor
from sidelight.store.directory import Directory, remove_abandoned
from tests.descriptors import needs_listing, open_descriptors
from tests.store.driving import killed, open_store, shared, worker


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the machine's shared memory."""
    monkeypatch.setattr(directory, "memory_folder", lambda: str(tmp_path))
    return tmp_path


def test_a_shared_directory_is_its_groups(where: Directory, tmp_path: Path) -> None:
    """One that was named is made 2770, its files 0640 at most."""
    mine = worker(where)
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o2770
    assert stat.S_IMODE((tmp_path / "store" / mine.name).stat().st_mode) & ~0o640 == 0
    killed(mine)


def test_a_private_directory_is_its_owners(memory: Path) -> None:
    """One of our own making is 0700, and so is the one above; files are 0600."""
    where = directory.open_private("uvicorn-1-2-3-abc")
    mine = worker(where)
    above = memory / f"sidelight-{os.getuid()}"
    assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(where.path).stat().st_mode) == 0o700
    assert stat.S_IMODE((Path(where.path) / mine.name).stat().st_mode) == 0o600
    killed(mine)
    where.destroy()
    assert list(above.iterdir()) == []
    where.close()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o702])
def test_a_directory_everyone_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    """With the reason and the line that mends it."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store").chmod(mode)
    with pytest.raises(StoreError, match="chmod 2770") as refused:
        shared(tmp_path / "store")
    assert refused.value.reason == "rights"


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o777])
def test_a_base_that_others_may_enter_is_refused(memory: Path, mode: int) -> None:
    """Somebody else may have put it there and look inside."""
    base = memory / f"sidelight-{os.getuid()}"
    base.mkdir()
    base.chmod(mode)
    with pytest.raises(StoreError, match="chmod 700") as refused:
        directory.open_user_base()
    assert refused.value.reason == "rights"


def test_a_base_of_another_user_is_refused(memory: Path) -> None:
    """A directory that another user made first is not used."""
    if os.getuid() != 0:
        pytest.skip("only root can give a directory to another user")
    base = memory / f"sidelight-{os.getuid()}"
    base.mkdir(mode=0o700)
    os.chown(base, 12345, 12345)
    with pytest.raises(StoreError):
        directory.open_user_base()


@pytest.mark.parametrize("which", ["base", "group", "shared"])
def test_links_in_place_of_a_directory_are_refused(memory: Path, which: str) -> None:
    """A symbolic link is never followed to where a file would be made."""
    target = memory / "target"
    target.mkdir(mode=0o700)
    base = memory / f"sidelight-{os.getuid()}"
    if which == "base":
        base.symlink_to(target)
    elif which == "group":
        base.mkdir(mode=0o700)
        (base / "uvicorn-1-2-3-abc").symlink_to(target)
    else:
        (memory / "store").symlink_to(target)
    with pytest.raises(StoreError):
        shared(memory / "store") if which == "shared" else directory.open_private(
            "uvicorn-1-2-3-abc"
        )
    assert list(target.iterdir()) == []


def test_only_regular_files_are_opened(where: Directory, tmp_path: Path) -> None:
    """Links, pipes and folders raise OSError at once, without waiting for the writer of a pipe."""
    store = tmp_path / "store"
    (store / "real").write_text("x")
    (store / "link").symlink_to(store / "real")
    os.mkfifo(store / "pipe")
    (store / "folder").mkdir()
    for name in ("link", "pipe", "folder", "nothing"):
        with pytest.raises(OSError, match=r".+"):
            where.open(name)
        assert where.read(name) is None
    assert where.read("real") == b"x"


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(
    where: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader sees the old file or the new one, also when the rename fails."""
    where.write("totals", b"old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="No space"):
        where.write("totals", b"new")
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["totals"]
    assert where.read("totals") == b"old"


def test_a_lock_that_is_held_is_not_had(where: Directory) -> None:
    """A second process does not get the lock, at once or after a wait, until it is released."""
    with where.locked("fold.lock") as first:
        assert first
        with where.locked("fold.lock") as second:
            assert not second
        with where.locked("fold.lock", 0.05) as third:
            assert not third
    with where.locked("fold.lock") as again:
        assert again


def test_numbers_of_workers_are_small_and_used_again(where: Directory) -> None:
    """A new worker takes the lowest number that no running worker has."""
    first, second, third = (worker(where) for _ in range(3))
    assert [first.worker, second.worker, third.worker] == [0, 1, 2]
    killed(second)
    fourth = worker(where)
    assert fourth.worker == 1
    for file in (first, third, fourth):
        killed(file)


def test_only_what_nobody_uses_is_swept(memory: Path) -> None:
    """A group goes when its supervisor is gone and no worker lives; strangers' names stay."""
    mine = f"uvicorn-{os.getpid()}-{supervisor.start_time(os.getpid())}"
    namespace = supervisor._pid_namespace()
    names = {
        "alive": f"{mine}-{namespace}-aa",
        "dead": f"uvicorn-999999999-5-{namespace}-aa",
        "reused": f"uvicorn-{os.getpid()}-5-{namespace}-aa",
        "elsewhere": "uvicorn-999999999-5-1-aa",
        "orphaned": f"uvicorn-999999998-5-{namespace}-aa",
        "stranger": "notes",
    }
    base = directory.open_user_base()
    folders = {key: Path(base.path) / name for key, name in names.items()}
    for folder in folders.values():
        folder.mkdir()
    orphan = Directory(
        str(folders["orphaned"]), os.open(folders["orphaned"], os.O_RDONLY), shared=False
    )
    living = worker(orphan, 1)
    remove_abandoned(base, keep="none")
    assert {key for key, folder in folders.items() if folder.exists()} == {
        "alive", "elsewhere", "orphaned", "stranger",
    }  # fmt: skip
    killed(living)
    remove_abandoned(base, keep="none")
    assert not folders["orphaned"].exists()
    orphan.close()
    base.close()


def test_a_killed_containers_directory_is_removed_once_it_is_old(memory: Path) -> None:
    """A directory of another PID namespace goes when no lock is held and nothing in it is recent.

    A worker's sign that it runs is recent although its file is only written through memory.
    """
    base = directory.open_user_base()
    folder = Path(base.path) / "uvicorn-1-5-1-aa"
    folder.mkdir(mode=0o700)
    other = Directory(str(folder), os.open(folder, os.O_RDONLY), shared=False)
    running = worker(other, 1)
    old = time.time() - directory.ABANDONED_AFTER - 1

    def swept(*recent: str) -> bool:
        for path in (*folder.iterdir(), folder):
            if path.name not in recent:
                os.utime(path, (old, old))
        remove_abandoned(base, keep="none")
        return not folder.exists()

    assert not swept()  # the lock is held
    running.touch()
    name = running.name
    killed(running)
    assert not swept(name)
    assert swept()
    other.close()
    base.close()


def test_a_mark_that_leads_elsewhere_touches_nothing(tmp_path: Path) -> None:
    """Whatever lies in its place, a file outside stays as old as it was."""
    where = shared(tmp_path / "store")
    outside = tmp_path / "outside"
    outside.touch()
    os.utime(outside, (1, 1))
    (tmp_path / "store" / "scraped").symlink_to(outside)
    where.touch("scraped")
    assert outside.stat().st_mtime == 1
    where.close()


def test_an_identity_is_the_first_that_was_proposed(tmp_path: Path) -> None:
    """Every process gets the same id; an invalid one is replaced."""
    where = shared(tmp_path / "store")
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    assert where.identity(first) == where.identity(second) == first
    (tmp_path / "store" / directory.IDENTITY).write_text("nobody")
    assert where.identity(second) == second
    where.close()


def test_a_huge_file_is_not_read_whole(tmp_path: Path) -> None:
    """A sparse file of any size costs its reader no more than the largest valid file."""
    where = shared(tmp_path / "store")
    with (tmp_path / "store" / directory.IDENTITY).open("wb") as file:
        file.truncate(1 << 40)
    assert where.identity("mine") == "mine"
    where.close()


@needs_listing
def test_a_store_that_is_over_leaves_no_descriptor(tmp_path: Path) -> None:
    """Opening and closing stores of a directory, again and again, holds nothing open."""
    for _ in range(6):
        store = open_store(tmp_path / "store")
        assert open_descriptors(tmp_path) > 0
        store.close()
        del store
        gc.collect()
        assert open_descriptors(tmp_path) == 0


def test_a_directory_that_is_in_use_stays_open(tmp_path: Path) -> None:
    """A closed store's directory stays usable for code that still holds it."""
    store = open_store(tmp_path / "store")
    where = store.directory
    assert where is not None
    store.close()
    del store
    gc.collect()
    where.write("late", b"text")
    assert where.read("late") == b"text"
