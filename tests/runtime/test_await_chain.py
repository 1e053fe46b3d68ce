"""What a coroutine waits for, followed through all that may be between it and a future."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager
from functools import partial
from types import coroutine
from typing import Any

import anyio
import pytest

from sidelight.runtime.await_chain import MOST_LINKS, chain
from sidelight.runtime.await_link import code_of
from tests.hostile import hostile_class

Wait = Callable[[], Coroutine[Any, Any, object]]


async def leaf() -> None:
    """What each chain must lead to."""
    await asyncio.get_running_loop().create_future()


async def directly() -> None:
    await leaf()


async def gathered() -> None:
    await asyncio.gather(leaf(), asyncio.sleep(3600))


async def in_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(leaf())


async def in_group_of_anyio() -> None:
    async with anyio.create_task_group() as group:
        group.start_soon(leaf)


async def in_time() -> None:
    await asyncio.wait_for(leaf(), 3600)


async def all_of() -> None:
    await asyncio.wait([asyncio.ensure_future(leaf())])


async def in_a_task() -> None:
    await asyncio.ensure_future(leaf())


async def steps() -> AsyncIterator[int]:
    await leaf()
    yield 1


async def iterated() -> None:
    async for _ in steps():
        pass


async def next_of() -> None:
    await anext(steps(), 1)


async def entered() -> None:
    async with asynccontextmanager(steps)():
        pass


@coroutine
def old_style() -> Generator[Any, Any, None]:
    yield from leaf().__await__()


async def through_a_generator() -> None:
    await old_style()


class Awaitables:
    """An object that is awaited."""

    def __await__(self) -> Generator[Any, None, None]:
        return leaf().__await__()


async def through_an_object() -> None:
    await Awaitables()


async def recursive(depth: int = 20) -> None:
    await (recursive(depth - 1) if depth else leaf())


async def seen(wait: Wait, look: Callable[[Any], object]) -> Any:
    """What is seen of a task that waits."""
    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0.01)
    try:
        return look(task.get_coro())
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize(
    "wait",
    [
        directly,
        gathered,
        in_group,
        in_group_of_anyio,
        in_time,
        all_of,
        in_a_task,
        iterated,
        next_of,
        entered,
        through_a_generator,
        through_an_object,
        recursive,
    ],
    ids=lambda wait: wait.__name__,
)
def test_a_chain_leads_to_what_is_waited_for(wait: Wait) -> None:
    """Whatever is in between, the last code of a chain is that of the innermost coroutine."""

    def codes(awaitable: Any) -> list[Any]:
        return [code for link in chain(awaitable) if (code := code_of(link)) is not None]

    found = asyncio.run(seen(wait, codes))
    assert (found[0], found[-1]) == (wait.__code__, leaf.__code__)


def test_a_long_chain_is_cut() -> None:
    """A chain of 900 coroutines is whole, and a longer one ends at the limit."""
    for depth, length in ((900, 900 + 4), (0, 4)):
        assert len(asyncio.run(seen(partial(recursive, depth), chain))) == length

    class Endless:
        """Awaits another one of its kind."""

        @property
        def cr_await(self) -> "Endless":
            return Endless()

    assert len(chain(Endless())) == MOST_LINKS


def test_what_is_not_suspended_has_a_short_chain() -> None:
    """A coroutine that runs, that was closed or that has not begun leads nowhere."""

    async def runs() -> int:
        return len(chain(this[0]))

    this = [runs()]
    assert asyncio.run(this[0]) == 1
    assert len(chain(this[0])) == 1
    begun = leaf()
    assert len(chain(begun)) == 1
    begun.close()
    assert len(chain(begun)) == 1


Hostile = hostile_class()


def test_local_variables_are_not_used() -> None:
    """Local variables of a frame that wait beside a chain are neither called nor kept."""

    async def with_locals() -> None:
        hostile, kept = Hostile(), [Hostile()]
        await in_group()
        del hostile, kept

    found = asyncio.run(seen(with_locals, lambda link: [code_of(each) for each in chain(link)]))
    assert leaf.__code__ in found
    gc.collect()
    assert [each for each in gc.get_objects() if type(each) is Hostile] == []


def test_the_oldest_child_that_has_not_ended_counts() -> None:
    """Of several children the first that still waits is followed."""

    async def second() -> None:
        await leaf()

    async def ended() -> None:
        return

    async def waits() -> None:
        await asyncio.gather(ended(), second(), directly())

    found = asyncio.run(seen(waits, lambda link: [code_of(each) for each in chain(link)]))
    assert second.__code__ in found
    assert directly.__code__ not in found


def test_many_children_that_have_ended_hide_none_that_waits() -> None:
    """The one of a hundred that still waits is followed."""

    async def ended() -> None:
        return

    async def waits() -> None:
        await asyncio.gather(*(ended() for _ in range(100)), directly())

    found = asyncio.run(seen(waits, lambda link: [code_of(each) for each in chain(link)]))
    assert directly.__code__ in found
