"""The metrics of a watched pool match what its clients measure."""

import asyncio
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from sidelight import watch
from tests.runtime.clients import ASYNC, CLIENTS, ROUNDS, SIZE, SYNC, Seen, pending, tasks, threads
from tests.runtime.reading import POOL, Worker, soon

pytestmark = pytest.mark.xdist_group("tests/runtime")  # as what has its servers by their names

PATIENT = 60.0
IMPATIENT = 0.15


def where_of(library: str, request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue("redis" if library == "redis" else "postgres")
    return found


def agree(worker: Worker, name: str, seen: Seen) -> None:
    """Counts are equal, and times within 5 %."""
    waits, waited = worker.histogram(POOL + "wait_time_seconds", name)
    uses, used = worker.histogram(POOL + "use_time_seconds", name)
    timeouts = worker.counter(POOL + "timeouts_total", name)
    expected, actual = (fmean(values) for values in zip(*seen.pending, strict=True))
    print(  # noqa: T201 the figures, for whoever asks with -s
        f"{name}: waits {waits} of {len(seen.waits)}, {waited:.3f} s of {sum(seen.waits):.3f} s; "
        f"uses {uses} of {len(seen.uses)}, {used:.3f} s of {sum(seen.uses):.3f} s; "
        f"timeouts {timeouts} of {seen.timeouts}; pending on average {actual:.2f} of {expected:.2f}"
    )
    assert not seen.others
    assert (waits, uses, timeouts) == (len(seen.waits), len(seen.uses), seen.timeouts)
    assert waited == pytest.approx(sum(seen.waits), rel=0.05)
    assert used == pytest.approx(sum(seen.uses), rel=0.05)
    assert actual == pytest.approx(expected, rel=0.05)
    assert max(waiting for _, waiting in seen.pending) >= CLIENTS - SIZE
    assert waits + timeouts == CLIENTS * ROUNDS


@pytest.mark.parametrize("timeout", [PATIENT, IMPATIENT])
@pytest.mark.parametrize("library", SYNC)
def test_twenty_threads_at_a_pool_of_five(
    library: str, timeout: float, worker: Worker, name: str, request: pytest.FixtureRequest
) -> None:
    """Pending, waits, uses and timeouts match what twenty threads saw within 5 %."""
    with SYNC[library](where_of(library, request), timeout) as (pool, borrow):
        assert watch(pool, name=name) is pool
        seen = threads(borrow, pending(worker, name))
        agree(worker, name, seen)
        assert (seen.timeouts > 0) == (timeout == IMPATIENT)
        assert worker.connections(name) == (SIZE, 0, SIZE, 0)


@pytest.mark.parametrize("timeout", [PATIENT, IMPATIENT])
@pytest.mark.parametrize("library", ASYNC)
def test_twenty_tasks_at_a_pool_of_five(
    library: str, timeout: float, worker: Worker, name: str, request: pytest.FixtureRequest
) -> None:
    """Pending, waits, uses and timeouts match what twenty tasks saw within 5 %."""
    where = where_of(library, request)

    async def main() -> None:
        async with ASYNC[library](where, timeout) as (pool, borrow):
            assert watch(pool, name=name) is pool
            seen = await tasks(borrow, pending(worker, name))
            agree(worker, name, seen)
            assert (seen.timeouts > 0) == (timeout == IMPATIENT)
            assert worker.connections(name) == (SIZE, 0, SIZE, 0)

    asyncio.run(main())


@pytest.mark.parametrize("library", ASYNC)
def test_a_cancelled_wait_counts_as_a_timeout(
    library: str, worker: Worker, name: str, request: pytest.FixtureRequest
) -> None:
    """A wait that a caller's own timeout cancels is counted, and the caller gets its timeout."""
    where = where_of(library, request)

    async def hold(borrow: Any, free: asyncio.Event) -> None:
        async with borrow():
            await free.wait()

    async def main() -> None:
        async with ASYNC[library](where, PATIENT) as (pool, borrow):
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
