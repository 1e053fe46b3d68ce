"""The metrics of a watched pool are what its clients did."""

import asyncio
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sidelight import watch
from sidelight.runtime.adapters import connections
from tests.asgi.clock import Clock
from tests.runtime.clients import CLIENTS, SIZE, TASKS, THREADS, Clients
from tests.runtime.reading import POOL, Worker, soon

pytestmark = pytest.mark.xdist_group("tests/runtime")  # as what has its servers by their names

WAITS = POOL + "wait_time_seconds"
USES = POOL + "use_time_seconds"
PATIENT = 60.0
IMPATIENT = 0.3
POOLS = [
    pytest.param((library, pool), id=f"{kind}-{library}")
    for kind, pools in (("threads", THREADS), ("tasks", TASKS))
    for library, pool in pools.items()
]


def where_of(library: str, request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue("redis" if library == "redis" else "postgres")
    return found


@pytest.fixture(params=POOLS)
def pool_of(request: pytest.FixtureRequest) -> Any:
    """Opens a pool of one kind, whose clients wait for so many seconds."""
    library, pool = request.param
    return partial(pool, where_of(library, request))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that waits and uses are measured with."""
    found = Clock()
    monkeypatch.setattr(connections, "time", SimpleNamespace(monotonic_ns=found))
    return found


def test_twenty_clients_at_a_pool_of_five(
    pool_of: Any, worker: Worker, name: str, clock: Clock
) -> None:
    """One client gives back each second: the others wait for up to 15 s, and use for 5 s each."""

    def state_is(clients: Clients, got: int, uses: int, shown: tuple[int, ...]) -> bool:
        counted = clients.got, worker.histogram(USES, name)[0]
        return (*counted, worker.connections(name)) == (got, uses, shown)

    async def main() -> None:
        async with pool_of(PATIENT) as (pool, borrow):
            assert watch(pool, name=name) is pool
            clients = Clients(borrow)
            clients.start(CLIENTS)
            for given_back in range(CLIENTS + 1):
                taken = min(CLIENTS, given_back + SIZE)
                used = taken - given_back
                shown = (SIZE - used, used, SIZE, CLIENTS - taken)
                await soon(partial(state_is, clients, taken, given_back, shown))
                if given_back < CLIENTS:
                    clock.pass_by(1)
                    clients.give_back()
            await clients.end()
            assert clients.timeouts == 0

    asyncio.run(main())
    assert worker.histogram(WAITS, name) == (CLIENTS, sum(range(1, 16)))
    assert worker.histogram(USES, name) == (CLIENTS, sum(range(1, 6)) + 15 * 5)
    assert worker.counter(POOL + "timeouts_total", name) == 0


def test_clients_that_wait_for_too_long(pool_of: Any, worker: Worker, name: str) -> None:
    """Each wait that a pool ends is a timeout, and no wait with a connection."""

    async def main() -> None:
        async with pool_of(IMPATIENT) as (pool, borrow):
            watch(pool, name=name)
            clients = Clients(borrow)
            while clients.got < SIZE:  # a busy machine may be too slow for one of them
                clients.start(SIZE - clients.got)
                await soon(lambda: clients.got + clients.timeouts == clients.started)
            clients.start(CLIENTS - SIZE)
            await soon(lambda: clients.got + clients.timeouts == clients.started)
            assert worker.connections(name) == (0, SIZE, SIZE, 0)
            await clients.end()
            assert worker.connections(name) == (SIZE, 0, SIZE, 0)
            assert worker.counter(POOL + "timeouts_total", name) == clients.timeouts
            assert worker.histogram(WAITS, name)[0] == SIZE
            assert worker.histogram(USES, name)[0] == SIZE

    asyncio.run(main())


@pytest.mark.parametrize("library", TASKS)
def test_a_cancelled_wait_counts_as_a_timeout(
    library: str, worker: Worker, name: str, request: pytest.FixtureRequest
) -> None:
    """A wait that a caller's own timeout cancels is counted, and the caller gets its timeout."""
    where = where_of(library, request)

    async def hold(borrow: Any, free: asyncio.Event) -> None:
        async with borrow():
            await free.wait()

    async def main() -> None:
        async with TASKS[library](where, PATIENT) as (pool, borrow):
            watch(pool, name=name)
            free = asyncio.Event()
            holders = [asyncio.create_task(hold(borrow, free)) for _ in range(SIZE)]
            await soon(lambda: worker.connections(name) == (0, SIZE, SIZE, 0))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), borrow():
                    pass
            assert worker.connections(name) == (0, SIZE, SIZE, 0)
            free.set()
            await asyncio.gather(*holders)
            assert worker.counter(POOL + "timeouts_total", name) == 1

    asyncio.run(main())
