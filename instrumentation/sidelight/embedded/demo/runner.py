"""The run of the demo: its scenario, from the start to the end."""

import asyncio
import signal
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from itertools import accumulate, cycle
from pathlib import Path
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.text import Text

from sidelight.embedded.demo.processes import DemoServices, demo_services
from sidelight.embedded.demo.screenshots import Screenshots
from sidelight.embedded.top.live import RouteStatsTable, console
from sidelight.embedded.top.sources import opened

POLL_INTERVAL = 0.5
"""Seconds."""


@dataclass(frozen=True, slots=True)
class ScenarioStep:
    """A step of so many ``seconds``.

    ``profile`` is a load profile of the shop's load generator. ``description`` and ``hint`` are
    printed.
    """

    name: str
    profile: str
    seconds: float
    description: str
    hint: str


SCENARIO: Final = (
    ScenarioStep(
        "normal load",
        "normal",
        90,
        "Forty clients browse and order. A small share of the requests fails.",
        "Fleet: the shop has no alert. Service: the routes by their share of the time.",
    ),
    ScenarioStep(
        "errors on one route",
        "coupon",
        75,
        "Clients send a coupon that the shop can't parse: checkouts fail.",
        "Service: the errors of one route rise. Alerts: AvailabilityErrorBudgetBurn.",
    ),
    ScenarioStep(
        "recovery",
        "normal",
        75,
        "Clients no longer send the coupon.",
        "Alerts: the alert is resolved. Objectives: the spent error budget stays spent.",
    ),
    ScenarioStep(
        "blocked event loop",
        "barcodes",
        75,
        "Clients request large bar codes, whose computation blocks the event loop.",
        "Service: every route is slow. Runtime: the route that blocks the loop. Slow requests.",
    ),
    ScenarioStep(
        "recovery",
        "normal",
        90,
        "Clients no longer request large bar codes.",
        "Runtime: the event loop is not blocked, and latency is back to normal.",
    ),
)
LENGTH: Final = sum(step.seconds for step in SCENARIO)
"""Seconds."""


def step_at(
    second: float, scenario: tuple[ScenarioStep, ...] = SCENARIO
) -> tuple[ScenarioStep, float]:
    """The step at a second, and the rest of its seconds. The scenario repeats at its end."""
    for step in cycle(scenario):
        if second < step.seconds:
            return step, step.seconds - second
        second -= step.seconds
    raise ValueError("a scenario has at least one step")


def steps_after(seconds: float) -> list[ScenarioStep]:
    """The steps that have not begun after so many seconds."""
    starts = accumulate((step.seconds for step in SCENARIO), initial=0.0)
    return [step for step, start in zip(SCENARIO, starts, strict=False) if start >= seconds]


async def run(port: int, minutes: float, folder: Path | None) -> None:
    """Run until a signal arrives or the minutes are over. Raises `SidelightError`.

    If there is a ``folder``, screenshots are written to it.
    """
    stop, seconds, screen = asyncio.Event(), minutes * 60, console()
    for number in stop_signals():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if left_out := steps_after(seconds):
        names = ", ".join(step.name for step in left_out)
        screen.print(
            f"--minutes {minutes:g} ends before these steps: {names}. "
            f"All steps take {_minutes(LENGTH)} minutes.",
            highlight=False,
        )
    screen.print("starting the shop, its sidecar and the viewer ...")
    await _until_first(_run_scenario(port, seconds, folder, screen), stop.wait())
    screen.print("stopped")


def stop_signals() -> list[signal.Signals]:
    """The signals that end the demo. SIGHUP is one of them, unless it is ignored (``nohup``)."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if ignored else [signal.SIGHUP])]


async def _run_scenario(port: int, seconds: float, folder: Path | None, screen: Console) -> None:
    async with demo_services(port, seconds) as services:
        url = services.ports.url
        screen.print(
            f"\n  dashboards  {url('viewer')}\n"
            f"  metrics     {url('shop')}/metrics, and of the sidecar {url('sidecar')}/metrics\n"
            f"  Prometheus  {url('sidecar')}, as a data source of Grafana\n",
            highlight=False,
        )
        screenshots = None if folder is None else Screenshots(url("viewer"), folder)
        scenario = ScenarioRun(services, seconds, screenshots)
        metrics = f"{url('shop')}/metrics"
        table = RouteStatsTable(metrics, screen, "Ctrl-C stops", scenario.heading)
        ends = [server.fail_at_end() for server in services.servers]
        async with opened(metrics) as fetch:
            await _until_first(scenario.run(), table.run(fetch), *ends)


class ScenarioRun:
    """Sends each step's load profile to the load generator, and describes the step."""

    def __init__(
        self, services: DemoServices, seconds: float, screenshots: Screenshots | None
    ) -> None:
        self._services, self._seconds, self._screenshots = services, seconds, screenshots
        self._start = time.monotonic()

    async def run(self) -> None:
        """Run the scenario until its seconds are over."""
        current = None
        while (second := self._second()) < self._seconds:
            step, left = step_at(second)
            if step is not current:
                current = step
                self._services.load_generator.write_line(step.profile)
            if self._screenshots is not None and left < self._screenshots.seconds:
                await self._screenshots.take(step.name)
            await asyncio.sleep(POLL_INTERVAL)

    def heading(self) -> RenderableType:
        """The current step, its description, and the time."""
        second = self._second()
        step, left = step_at(second)
        return Group(
            Text.assemble(
                (f"  {step.name}", "bold"),
                (f"   {_minutes(left)} left", "cyan"),
                (f"   {_minutes(second)} of {_minutes(self._seconds)}", "dim"),
            ),
            Text(f"  {step.description}"),
            Text.assemble("  See ", (step.hint, "italic")),
            Text(""),
        )

    def _second(self) -> float:
        return time.monotonic() - self._start


async def _until_first(*parts: Coroutine[Any, Any, object]) -> None:
    """Run coroutines until one returns or raises, and cancel the others."""
    tasks = [asyncio.create_task(part) for part in parts]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
