"""The demo, from its start to Ctrl-C."""

import asyncio
import signal
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from sidelight.embedded.demo import story
from sidelight.embedded.demo.shots import Camera
from sidelight.embedded.demo.stage import Stage, stage
from sidelight.embedded.demo.watch import Watch, console

TURN = 0.5
"""Seconds between two looks at the clock."""


async def play(port: int, minutes: float, shots: Path | None) -> None:
    """Until a signal comes, or the minutes are over. Raises `SidelightError`."""
    stop, seconds, screen = asyncio.Event(), minutes * 60, console()
    for number in endings():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    screen.print("starting the shop, its sidecar and the viewer ...")
    await _first(_played(port, seconds, shots, screen), stop.wait())
    screen.print("stopped")


def endings() -> list[signal.Signals]:
    """What ends it: a terminal that is closed, too, unless it was started to outlive that."""
    outlives = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if outlives else [signal.SIGHUP])]


async def _played(port: int, seconds: float, shots: Path | None, screen: Console) -> None:
    async with stage(port, seconds) as on:
        url = on.places.url
        screen.print(
            f"\n  dashboards  {url('viewer')}\n"
            f"  metrics at  {url('shop')}/metrics, and from the sidecar {url('sidecar')}/metrics\n"
            f"  Prometheus  {url('sidecar')}, as Grafana's data source\n",
            highlight=False,
        )
        telling = Telling(on, seconds, None if shots is None else Camera(url("viewer"), shots))
        watch = Watch(f"{url('shop')}/metrics", screen, telling.heading)
        await _first(telling.tell(), watch.run(), *(one.ended() for one in on.children))


class Telling:
    """The story as it is told: the shoppers hear their mood, the spectator what there is to see."""

    def __init__(self, on: Stage, seconds: float, camera: Camera | None) -> None:
        self._on, self._seconds, self._camera = on, seconds, camera
        self._began = time.monotonic()

    async def tell(self) -> None:
        """To the end of the time."""
        told = None
        while (second := self._second()) < self._seconds:
            act, left = story.at(second)
            if act is not told:
                told = act
                self._on.shoppers.tell(act.mood)
            if self._camera is not None and left < self._camera.needs:
                await self._camera.take(act.name)
            await asyncio.sleep(TURN)

    def heading(self) -> RenderableType:
        """What happens now, where to look, and how far the story is."""
        second = self._second()
        act, left = story.at(second)
        return Group(
            Text.assemble(
                (f"  {act.name}", "bold"),
                (f"   {_clock(left)} left", "cyan"),
                (f"   {_clock(second)} of {_clock(self._seconds)}", "dim"),
            ),
            Text(f"  {act.happens}"),
            Text.assemble("  Look at ", (act.look, "italic")),
            Text(""),
        )

    def _second(self) -> float:
        return time.monotonic() - self._began


async def _first(*parts: Coroutine[Any, Any, object]) -> None:
    """Run them until one returns or raises, and end the others, or all when this is ended."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
