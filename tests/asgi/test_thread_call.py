"""Requests that wait for a call in a thread leave it its turn."""

import asyncio
import threading

import anyio.lowlevel
import pytest

from sidelight.asgi import thread_call
from sidelight.asgi.thread_call import ThreadCall


@pytest.fixture
def polling(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The tasks that have asked whether the call has ended, in turn."""
    found: list[object] = []

    async def checkpoint() -> None:
        if asyncio.current_task() not in found:
            found.append(asyncio.current_task())
        await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(thread_call, "checkpoint", checkpoint)
    return found


def test_one_of_many_asks_for_all(polling: list[object]) -> None:
    """Of a hundred tasks that wait, one asks; when it is cancelled, another one does."""

    async def main() -> None:
        go = threading.Event()

        def waits() -> None:
            go.wait(30)

        call = ThreadCall(waits)
        tasks = [asyncio.create_task(call.wait()) for _ in range(100)]
        await asyncio.sleep(0.02)
        assert polling == tasks[:1]
        tasks[0].cancel()
        await asyncio.sleep(0.02)
        assert len(polling) == 2
        go.set()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert ends[1:] == [None] * 99
        assert call.ended

    asyncio.run(main())


def test_each_loop_asks_by_itself() -> None:
    """Tasks of several event loops wait for one call, and all get its error."""
    go = threading.Event()

    def fails() -> None:
        go.wait(30)
        raise OSError("no space")

    calls: list[ThreadCall] = []

    async def main() -> list[BaseException | None]:
        if not calls:
            calls.append(ThreadCall(fails))
        tasks = [asyncio.create_task(calls[0].wait()) for _ in range(3)]
        await asyncio.sleep(0.02)
        go.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    ends: list[BaseException | None] = []
    first = threading.Thread(target=lambda: ends.extend(asyncio.run(main())))
    first.start()
    while not calls:
        pass
    ends.extend(asyncio.run(main()))
    first.join(30)
    assert [str(end) for end in ends] == ["no space"] * 6
