"""Service and sidecar as in two containers: they share a directory, and nothing else but a group.

Each has process ids, mounts and a user of its own. What one does must be right for the other:
who lives, who may read and fold what, who counts on.
"""

import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sidelight
from tests.live.counting import (
    CALLS,
    EXITS,
    ITEM,
    MAKE,
    Load,
    ask,
    check_counted,
    counted,
    scrape,
    settle,
    value,
)
from tests.live.servers import HERE, PATIENCE, Server, children, eventually, of_uvicorn, running
from tests.live.sidecars import Sidecar, wait_ended, worker_files
from tests.live.test_live_sidecar_totals import no_counter_falls, target, wait_for_answers
from tests.live.tmpfs import tmpfs

pytestmark = pytest.mark.live

SERVICE, SIDECAR, GROUP = 12001, 12002, 12000
SHARED = f"size=64m,mode=2770,gid={GROUP}"
"""Mount options of the file system that both share: of a group that both have."""
PLACES = "/srv", "/media"
"""Where the service, and where the sidecar, finds the shared file system."""
NEEDED = (sys.base_prefix, sys.prefix, str(HERE.parent), str(Path(sidelight.__file__).parents[1]))
NAMESPACES = "unshare", "--pid", "--fork", "--mount-proc", "--mount"


def untraversable(path: Path) -> Path | None:
    """The topmost folder on the way to a path that others may not pass."""
    for folder in [*reversed(path.parents), path]:
        if not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None


def bind_mounts() -> list[str]:
    """Mounts, of this namespace only, by which any user reaches Python and what it runs.

    A folder of root's in the way is covered, and what is needed bound to its place again.
    """
    commands = ["mount -t tmpfs tmpfs /mnt"]
    hidden = {path: untraversable(Path(path)) for path in dict.fromkeys(NEEDED)}
    for number, path in enumerate(hidden):
        commands += [f"mkdir /mnt/{number}", f"mount --rbind {shlex.quote(path)} /mnt/{number}"]
    for cover in {folder for folder in hidden.values() if folder}:
        commands.append(f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(cover))}")
    for number, (path, folder) in enumerate(hidden.items()):
        if folder:
            target = shlex.quote(path)
            commands += [f"mkdir -p {target}", f"mount --rbind /mnt/{number} {target}"]
    return commands


def in_namespaces(shared: Path, place: str, user: int, umask: str = "022") -> tuple[str, ...]:
    """A command that runs another one in namespaces of its own, as a user of its own."""
    steps = [
        f"mount --bind {shlex.quote(str(shared))} {place}",
        *bind_mounts(),
        "cd /",
        f"umask {umask}",
        f'exec setpriv --reuid={user} --regid={GROUP} --clear-groups -- "$@"',
    ]
    return *NAMESPACES, "sh", "-c", " && ".join(steps), "sh"


class Namespaced(Server):
    """What runs in namespaces of its own: signals reach it, and not what made the namespaces."""

    def destroy(self) -> None:
        """End the first process: its namespace ends with it."""
        for pid in children(self.pid):
            os.kill(pid, signal.SIGKILL)
        super().destroy()


class NamespacedSidecar(Namespaced, Sidecar):
    """A sidecar as the first process of its namespace."""


class Service(Namespaced):
    """uvicorn with workers as the first process of its namespace; what runs it is ``unshare``."""

    @property
    def first(self) -> int:
        """The supervisor."""
        [pid] = eventually(lambda: children(self.pid))
        return pid

    def workers(self) -> list[int]:
        """Process ids of its workers, as this test sees them."""
        return [child for pid in children(self.pid) for child in children(pid)]

    def replaced(self, pid: int, workers: int) -> None:
        """Kill a worker, and wait for another in its place."""
        self.kill(pid)
        eventually(lambda: len(self.workers()) == workers and not running(pid))


class Containers:
    """Starts a service and sidecars apart from each other, on one tmpfs."""

    def __init__(self, shared: Path, cwd: Path) -> None:
        self.shared = shared
        self.store = shared / "store"
        self._cwd = cwd
        self._started: list[Server] = []

    def service(self, workers: int = 2, umask: str = "022") -> Service:
        """uvicorn, ready."""
        command = "uvicorn", "service:app", "--port", "{port}", "--log-level", "warning"
        service = Service(
            (*command, *of_uvicorn(workers)),
            {"SIDELIGHT_DIR": f"{PLACES[0]}/store"},
            self._cwd,
            in_namespaces(self.shared, PLACES[0], SERVICE, umask),
        )
        self._started.append(service)
        service.ready()
        return service

    def sidecar(self, umask: str = "022") -> Sidecar:
        """A sidecar, not waited for."""
        before = in_namespaces(self.shared, PLACES[1], SIDECAR, umask)
        where = Path(PLACES[1]) / "store"
        sidecar = NamespacedSidecar(where, self._cwd, "--history", "0", before=before)
        self._started.append(sidecar)
        return sidecar

    def end(self) -> None:
        """End everything."""
        for server in self._started:
            server.destroy()


@pytest.fixture(scope="module")
def namespaces(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Skips the tests where namespaces can't be made, or Python is not reached in one."""
    trial = "import fastapi, uvicorn"  # what is wrong with ours must fail a test
    try:
        with tmpfs(tmp_path_factory.mktemp("trial") / "shared", SHARED) as shared:
            subprocess.run(
                [*in_namespaces(shared, PLACES[0], SERVICE), sys.executable, "-c", trial],
                check=True,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
            )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"namespaces can't be made here: {getattr(error, 'stderr', None) or error}")


@pytest.fixture
def containers(tmp_path: Path, namespaces: None) -> Iterator[Containers]:
    """Starts a service and sidecars on a tmpfs, and ends them."""
    with tmpfs(tmp_path / "shared", SHARED) as shared:
        found = Containers(shared, tmp_path)
        yield found
        found.end()


def owners(store: Path) -> dict[str, tuple[int, int, int]]:
    """User, group and mode of each file."""
    found = {}
    for path in store.iterdir():
        about = path.stat()
        found[path.name] = about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode)
    return found


@pytest.mark.parametrize("umask", ["077", pytest.param("022", marks=pytest.mark.slow)])
def test_a_sidecar_sees_who_lives_and_folds_who_died(containers: Containers, umask: str) -> None:
    """The sidecar sees that workers run, and merges a killed one and removes its file.

    So it is whatever the service's umask.
    """
    service = containers.service(2, umask)
    with containers.sidecar() as sidecar, no_counter_falls(sidecar):
        settle(sidecar, 2)
        expected = ask(service, dict.fromkeys(CALLS, 4))
        assert counted(sidecar) == expected
        assert value(scrape(sidecar), "sidelight_workers", state="serving") == 2
        files = owners(containers.store)
        assert {about[0] for name, about in files.items() if ".worker" in name} == {SERVICE}
        assert {about[1] for about in files.values()} == {GROUP}
        assert {about[2] for about in files.values()} == {0o640}
        # The supervisor can't put another in place while it sleeps: only the sidecar folds.
        [victim, other] = service.workers()
        os.kill(service.first, signal.SIGSTOP)
        os.kill(other, signal.SIGSTOP)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: value(scrape(sidecar), EXITS, how="died") == 1)
        assert value(scrape(sidecar), "sidelight_workers") == 1
        assert len(worker_files(containers.store)) == 1
        assert owners(containers.store)["totals"] == (SIDECAR, GROUP, 0o640)
        assert counted(sidecar) == expected
        os.kill(other, signal.SIGCONT)
        os.kill(service.first, signal.SIGCONT)
        settle(sidecar, 2)
        expected += ask(service, {ITEM: 10})
        # Workers read totals that are another user's, and the sidecar those of a worker.
        assert counted(service) == counted(sidecar) == expected
        assert value(scrape(service), "sidelight_internal_errors_total") == 0
        assert value(scrape(sidecar), "sidelight_files_skipped_total") == 0
        assert "Permission denied" not in service.log + sidecar.log


def test_workers_fold_what_the_sidecar_began(containers: Containers) -> None:
    """Both replace the totals in turn, and both restart: each count is there once."""
    with containers.sidecar() as sidecar:
        assert sidecar.get("/readyz")[0] == 200
        assert owners(containers.store.parent)["store"] == (SIDECAR, GROUP, 0o2770)
        service = containers.service(2)
        settle(sidecar, 2)
        expected = ask(service, dict.fromkeys(CALLS, 4))
        service.replaced(service.workers()[0], 2)
        settle(sidecar, 2)
    first = service.first
    service.replaced(service.workers()[0], 2)
    expected += ask(service, {ITEM: 10})
    settle(service, 2)
    assert counted(service) == expected
    os.kill(first, signal.SIGTERM)
    service.process.wait(PATIENCE)
    with containers.sidecar() as sidecar:
        settle(sidecar, 0)
        assert counted(sidecar) == expected
        again = containers.service(2)
        settle(sidecar, 2)
        expected += ask(again, {MAKE: 7})
        assert counted(again) == counted(sidecar) == expected
        page = scrape(sidecar)
        assert value(page, EXITS, how="died") == 2
        assert value(page, EXITS, how="clean") == 2


def test_either_may_be_killed(containers: Containers) -> None:
    """SIGKILL of the sidecar, of workers and of the whole service loses and doubles nothing."""
    loads = []
    for _ in range(2):
        service = containers.service(2)
        with Load(service, 4) as load:
            with containers.sidecar(umask="077") as sidecar:
                settle(sidecar, 2)
                wait_for_answers(load)
                service.replaced(service.workers()[0], 2)
                settle(sidecar, 2)
                for pid in children(sidecar.pid):
                    os.kill(pid, signal.SIGKILL)
                sidecar.process.wait(PATIENCE)
            service.replaced(service.workers()[0], 2)
            settle(service, 2)
            workers = service.workers()
            os.kill(service.first, signal.SIGKILL)  # its namespace ends with it
            wait_ended(workers)
        loads.append(load)
    with containers.sidecar() as sidecar:
        settle(sidecar, 0)
        check_counted(loads, counted(sidecar))
        eventually(lambda: value(scrape(sidecar), EXITS, how="died") == 8)
        assert worker_files(containers.store) == worker_files(containers.store, ".draft") == []


def test_a_sidecar_ends_as_the_first_process(containers: Containers) -> None:
    """As process 1 of a container the sidecar ends at SIGTERM, with 0."""
    with containers.sidecar() as sidecar:
        [pid] = children(sidecar.pid)
        os.kill(pid, signal.SIGTERM)
        assert sidecar.process.wait(PATIENCE) == 0


def test_both_at_once_make_one_directory(containers: Containers) -> None:
    """Started at one moment, whoever makes the directory, both use it and have one id."""
    sidecar = containers.sidecar(umask="077")
    service = containers.service(1, umask="077")
    with sidecar:
        settle(sidecar, 1)
        expected = ask(service, {ITEM: 5})
        assert counted(sidecar) == counted(service) == expected
        whose = [
            [key for key in scrape(one) if key[0] == "target_info"] for one in (service, sidecar)
        ]
        assert whose[0] == whose[1]


def test_totals_that_workers_may_not_read_are_kept(containers: Containers, tmp_path: Path) -> None:
    """Without setgid a sidecar of root's may make totals that the service can't read: kept."""
    containers.shared.chmod(0o755)
    containers.store.mkdir()
    os.chown(containers.store, SERVICE, GROUP)
    containers.store.chmod(0o770)
    service = containers.service(2)
    settle(service, 2)
    service.replaced(service.workers()[0], 2)
    settle(service, 2)  # the lock and the first totals are the service's
    with Sidecar(containers.store, tmp_path) as sidecar:
        settle(sidecar, 2)
        expected = ask(service, dict.fromkeys(CALLS, 4))
        eventually(lambda: value(scrape(sidecar), EXITS, how="died") == 1)
        victim, other = service.workers()
        os.kill(service.first, signal.SIGSTOP)
        os.kill(other, signal.SIGSTOP)
        os.kill(victim, signal.SIGKILL)
        eventually(lambda: value(scrape(sidecar), EXITS, how="died") == 2)
        os.kill(other, signal.SIGCONT)
        os.kill(service.first, signal.SIGCONT)
        settle(sidecar, 2)
        assert counted(sidecar) == expected
        sidecar.stop()
    service.replaced(service.workers()[0], 2)
    eventually(service.answers)
    for _ in range(5):
        service.get("/metrics")  # which folds, if it may
    assert [path.name for path in containers.store.glob("*.damaged")] == []
    with Sidecar(containers.store, tmp_path) as sidecar:
        settle(sidecar, 2)
        assert counted(sidecar) == expected


def test_an_id_that_is_not_written_yet(containers: Containers) -> None:
    """Whoever comes first, and whosever the file is, service and sidecar show one id."""
    containers.store.mkdir()
    lock = containers.store / "number.lock"
    lock.touch(0o640)  # as a worker leaves it while it starts
    for path in (containers.store, lock):
        os.chown(path, SERVICE, GROUP)
    containers.store.chmod(0o2770)
    with containers.sidecar() as sidecar:
        assert sidecar.get("/readyz")[0] == 200
        service = containers.service(1)
        settle(sidecar, 1)
        assert target(sidecar) == target(service)
