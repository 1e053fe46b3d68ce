"""What a common request costs, as numbers that no busy machine changes."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import sidelight
from sidelight import SidelightMiddleware
from sidelight.extension import extension
from sidelight.runtime import loop_clock
from tests.asgi.common_routes import PATHS, RESPONSE, service
from tests.asgi.driver import http_scope

BASELINE = Path(__file__).with_name("request_cost.json")
"""By Python's version. To renew it after a change that is meant to cost more or less, run
``python -m tests.asgi.test_request_cost`` with each version that is at hand."""
VERSION = "{}.{}".format(*sys.version_info)
ALLOWED = 1.15
WARM_UP, MEASURED = 20, 10
HOUR = 3600 * 10**9
TOOL = 4  # of those that sys.monitoring gives to nobody in particular
IN_PYTHON = pytest.mark.skipif(extension is not None, reason="counts instructions of Python")


async def endpoint() -> None:
    """Never called: what is measured is the way around it."""


ROUTE = Route("/", endpoint)


async def routed(scope: Scope, receive: Receive, send: Send) -> None:
    scope["route"], scope["endpoint"] = ROUTE, endpoint
    await RESPONSE(scope, receive, send)


class Counter:
    """Counts the bytecode instructions of Sidelight's own code, and its calls."""

    def __init__(self) -> None:
        self.instructions = self.calls = 0

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        if not ours(frame.f_code):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self.instructions += event == "opcode"
        return self.trace

    def instruction(self, code: CodeType, _: int) -> None:
        self.instructions += ours(code)

    def profile(self, frame: FrameType, event: str, _: Any) -> None:
        self.calls += event in {"call", "c_call"} and ours(frame.f_code)


@cache
def ours(code: CodeType) -> bool:
    return Path(code.co_filename).is_relative_to(Path(sidelight.__file__).parent)


async def costs(app: ASGIApp | None = None, path: str = "/") -> dict[str, int]:
    """The least instructions and calls that Sidelight adds to one of some requests.

    None of them is late: of one that is, it is asked when it arrived.
    """
    if app is None:
        app = SidelightMiddleware(routed, phase_sample_interval=0)
        routed.routes = [ROUTE]  # type: ignore[attr-defined] # an attribute of the test's own
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop_clock, "NOTICEABLE", HOUR)
        counters = [await count(app, path, number) for number in range(WARM_UP + MEASURED)]
    return {
        "instructions": min(counter.instructions for counter in counters[WARM_UP:]),
        "calls": min(counter.calls for counter in counters[WARM_UP:]),
    }


async def count(app: ASGIApp, path: str, number: int) -> Counter:
    """What a request costs that is not one to warm up."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None: ...

    scope, counter = http_scope("GET", path), Counter()
    with counting(counter) if number >= WARM_UP else nullcontext():
        await app(scope, receive, send)
    return counter


@contextmanager
def counting(counter: Counter) -> Iterator[None]:
    """Instructions by `sys.monitoring`, or before 3.12 by a trace; calls by a profile."""
    before = sys.gettrace(), sys.getprofile()
    monitoring: Any = getattr(sys, "monitoring", None)
    if monitoring is None:
        sys.settrace(counter.trace)
    else:
        monitoring.use_tool_id(TOOL, "sidelight tests")
        monitoring.register_callback(TOOL, monitoring.events.INSTRUCTION, counter.instruction)
        monitoring.set_events(TOOL, monitoring.events.INSTRUCTION)
    sys.setprofile(counter.profile)
    try:
        yield
    finally:
        sys.setprofile(before[1])
        if monitoring is None:
            sys.settrace(before[0])
        else:
            monitoring.set_events(TOOL, 0)
            monitoring.free_tool_id(TOOL)


@IN_PYTHON
def test_a_common_request_costs_no_more_than_its_baseline() -> None:
    """A common request takes at most 15 % more instructions and calls than is recorded."""
    baseline = json.loads(BASELINE.read_text()).get(VERSION)
    if baseline is None:
        pytest.skip(f"{BASELINE.name} has no baseline for Python {VERSION}")
    found = asyncio.run(costs())
    assert {name: n for name, n in found.items() if n > ALLOWED * baseline[name]} == {}, found


@IN_PYTHON
def test_the_cost_is_that_of_the_fast_path() -> None:
    """What is counted is the fast path: it took place, and some instructions were seen."""
    found = asyncio.run(costs())
    assert 100 < found["instructions"] < 1000
    assert 5 < found["calls"] < 50


@IN_PYTHON
@pytest.mark.parametrize(
    "path",
    PATHS,
)
def test_each_kind_of_route_goes_the_fast_path(path: str) -> None:
    """A shared handler costs no more than another, directly, through a router or in a mount."""
    baseline = json.loads(BASELINE.read_text()).get(VERSION)
    if baseline is None:
        pytest.skip(f"{BASELINE.name} has no baseline for Python {VERSION}")
    found = asyncio.run(costs(service(), path))
    assert {name: n for name, n in found.items() if n > ALLOWED * baseline[name]} == {}, found


if __name__ == "__main__":
    table = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    table[VERSION] = asyncio.run(costs())
    BASELINE.write_text(json.dumps(dict(sorted(table.items())), indent=2) + "\n")
