"""The tasks below a chain of awaits are followed, once each."""

import asyncio
import gc
import sys
from collections.abc import Callable
from typing import Any

from sidelight.runtime.await_tree import AwaitTree
from sidelight.runtime.waiting_tasks import MOST_TASKS


async def waits(name: str) -> None:
    """Something that waits; its name shows which."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError(name)


async def starts_two() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(waits("first"))
        group.create_task(waits("second"))
        await waits("itself")


def seen(look: Callable[[asyncio.Task[None]], Any]) -> Any:
    """What is seen of a task that waits, and so do two of its group."""

    async def body() -> Any:
        task = asyncio.ensure_future(starts_two())
        await asyncio.sleep(0.01)
        try:
            return look(task)
        finally:
            task.cancel()
            await asyncio.wait([task])

    return asyncio.run(body())


def names(tree: AwaitTree) -> list[str]:
    """Which of the coroutines are in a chain."""
    frames = [link.cr_frame for link in tree.links if hasattr(link, "cr_frame")]
    return [frame.f_locals["name"] for frame in frames if "name" in frame.f_locals]


def test_the_tasks_of_a_group_are_below_its_chain() -> None:
    """The oldest first; there is none where as many were seen as are followed."""

    def look(task: asyncio.Task[None]) -> Any:
        seen = set(range(MOST_TASKS))
        tree, cut = AwaitTree(task.get_coro()), AwaitTree(task.get_coro(), seen)
        return names(tree), list(map(names, tree.children())), list(cut.children())

    assert seen(look) == (["itself"], [["first"], ["second"]], [])


def test_a_task_is_followed_once() -> None:
    """However often it is asked for, also if not all were wanted at first."""

    def look(task: asyncio.Task[None]) -> bool:
        tree = AwaitTree(task.get_coro())
        first = next(tree.children())
        found = list(tree.children())
        return len(found) == 2 and found[0] is first and list(tree.children()) == found

    assert seen(look)


def test_a_tree_is_freed_at_once() -> None:
    """It keeps nothing of a request until the next run of the garbage collector."""

    def look(task: asyncio.Task[None]) -> list[int]:
        coroutine = task.get_coro()
        gc.disable()
        try:
            before = sys.getrefcount(coroutine)
            next(AwaitTree(coroutine).children())
            return [sys.getrefcount(coroutine) - before]
        finally:
            gc.enable()

    assert seen(look) == [0]
