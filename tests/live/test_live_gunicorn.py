"""gunicorn: its own workers and uvicorn's, preloaded or not, reloaded, and recycled."""

import importlib.util
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.listing import shared_directories
from tests.live.conftest import Serve
from tests.live.counting import (
    EXITS,
    Load,
    Samples,
    Watch,
    check_counted,
    check_exact,
    counted,
    requests,
    scrape,
    settle,
    value,
)
from tests.live.killing import check_killed
from tests.live.servers import Server, eventually, running

pytest.importorskip("gunicorn")
pytestmark = pytest.mark.live


def kinds() -> Iterator[str]:
    """Worker classes that are installed here."""
    if importlib.util.find_spec("uvicorn_worker"):
        yield "uvicorn_worker.UvicornWorker"
    elif importlib.util.find_spec("uvicorn.workers"):
        yield "uvicorn.workers.UvicornWorker"
    if importlib.util.find_spec("gunicorn.workers.gasgi"):
        yield "asgi"


KINDS = list(kinds())


def gunicorn(serve: Serve, kind: str, workers: int, *more: str, **env: str) -> Server:
    """Start gunicorn. On a busy machine a client may be silent for longer than two seconds."""
    where = ["--bind", "127.0.0.1:{port}", "--workers", str(workers), "--worker-class", kind]
    patient = ["--graceful-timeout", "20", "--keep-alive", "60"]
    return serve("gunicorn", "service:app", *where, *patient, *more, **env)


def stops_clean(server: Server) -> None:
    """It ends when told to, and leaves nothing."""
    assert server.stop() == 0
    server.leaves_nothing()


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preload"])
@pytest.mark.parametrize("kind", KINDS)
def test_gunicorn_counts_exactly(serve: Serve, kind: str, preload: list[str]) -> None:
    """Workers under one arbiter share exact totals, and leave nothing when it stops."""
    server = gunicorn(serve, kind, 2, *preload).ready(2)
    check_exact(server)
    stops_clean(server)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_gunicorn_worker_loses_nothing(serve: Serve, kind: str) -> None:
    """What a killed worker counted stays in the totals."""
    server = gunicorn(serve, kind, 2).ready(2)
    check_killed(server)
    stops_clean(server)


@pytest.mark.parametrize("kind", KINDS)
def test_reload_keeps_the_totals(serve: Serve, kind: str) -> None:
    """After SIGHUP new workers go on with the totals of the old, which ended cleanly."""
    server = gunicorn(serve, kind, 2).ready(2)
    old = set(server.workers())
    with Watch(server) as watch, Load(server, 4) as load:
        eventually(lambda: load.total > 50)
        server.process.send_signal(signal.SIGHUP)
        eventually(lambda: len(server.workers()) == 2 and not old & set(server.workers()))
        seen = load.total
        eventually(lambda: load.total > seen + 50)
    assert watch.falls == []
    check_counted([load], counted(server))
    page = scrape(server)
    assert value(page, EXITS, how="clean") == 2
    assert value(page, EXITS, how="died") == 0
    # A worker whose class has no lifespan has a file from its first request on.
    eventually(lambda: server.answers() and len(server.files()) == 2)
    stops_clean(server)


def page_of(server: Server) -> Samples:
    """The metrics; asked for again where the worker that was asked has just been recycled."""

    def answer() -> Samples:
        with suppress(ConnectionError):
            return scrape(server)
        return {}

    return eventually(answer)


def check_recycled(load: Load, page: Samples) -> None:
    counts = {key: number for key, number in requests(page).items() if key.route != "/pid"}
    check_counted([load], Counter(counts))


@pytest.mark.parametrize("kind", KINDS)
def test_recycled_workers_keep_the_totals(serve: Serve, kind: str) -> None:
    """Workers that end after ``--max-requests``, one by one or together, lose no count."""
    server = gunicorn(serve, kind, 2, "--max-requests", "40").ready(2)
    with Watch(server) as watch, Load(server, 4) as load:
        eventually(lambda: load.total > 400)
    settle(server, 2)
    assert watch.falls_of_counts == []
    check_recycled(load, page_of(server))
    if kind != "asgi":  # gunicorn's own class ends when and as often as it likes, or not at all
        eventually(lambda: value(page_of(server), EXITS, how="clean") >= 5)
    assert value(page_of(server), EXITS, how="died") == 0
    stops_clean(server)


@pytest.mark.parametrize("kind", KINDS)
def test_the_only_worker_recycled_keeps_the_totals(serve: Serve, kind: str) -> None:
    """A single worker that ends after ``--max-requests`` hands its totals to the next."""
    server = gunicorn(serve, kind, 1, "--max-requests", "30").ready(1)
    with Watch(server) as watch, Load(server, 2) as load:
        eventually(lambda: load.total > 150)
    settle(server, 1)
    assert watch.falls_of_counts == []
    check_recycled(load, page_of(server))
    stops_clean(server)


def test_a_forked_child_of_a_worker_leaves_no_directory(serve: Serve) -> None:
    """A child that a gunicorn worker forks, and that records, makes no server of its own."""
    server = gunicorn(serve, KINDS[0], 2).ready(2)
    status, body = server.get("/fork/records", "POST")
    assert status == 200
    assert '"code":0' in body, server.log
    assert requests(scrape(server))["POST", "/fork/{kind}", "200"] == 1  # type: ignore[index] # a key of three
    workers = server.workers()
    left = [folder for worker in workers for folder in shared_directories(worker)]
    for folder in left:
        shutil.rmtree(folder)
    assert left == []
    stops_clean(server)
    assert not any(map(running, workers))
