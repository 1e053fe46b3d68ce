"""Every slow request has its phases, though it was not sampled."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.responses import StreamingResponse

from sidelight import SidelightMiddleware
from sidelight.runtime.thread_frame import frame_of
from tests.asgi.driver import Page, Server, ask, http_scope, run
from tests.live.phased import BODIES, LEAST, MOST, PLANTED, STEP, service, wait


def slow_requests(logged: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """The facts of each line of the log."""
    return [vars(one)["sidelight"] for one in logged.records if one.name == "sidelight.slow"]


async def asked(app: FastAPI, path: str) -> Server:
    """A request that goes the fast path, since one of its method was there before it.

    Its client sends the body when that was seen.
    """
    method = "POST" if path in BODIES else "GET"
    assert (await ask(app, method, "/pid")).status == 200
    server = Server([{"type": "http.request", "body": b"[1]", "more_body": False}])
    scope = http_scope(method, path, {"content-type": "application/json"})

    async def receive() -> Any:
        if path in BODIES and not server.answer.sent:
            await wait(scope)
        return await server.receive()

    await app(scope, receive, server.send)
    return server


@pytest.mark.parametrize("through", [False, True], ids=["direct", "through"])
@pytest.mark.parametrize(("path", "phase"), PLANTED.items(), ids=[path[1:] for path in PLANTED])
def test_the_planted_phase_is_the_longest(
    path: str, phase: str, logged: pytest.LogCaptureFixture, *, through: bool
) -> None:
    """Of a slow request that was not sampled, also below a middleware that runs it in a task."""
    if "blocked" in path and frame_of(threading.get_ident()) is None:
        pytest.skip("the stack of a thread is not read without a GIL")
    assert run(asked(service(through=through), path)).answer.status == 200
    (facts,) = [one for one in slow_requests(logged) if one["route"] == path]
    phases = facts["phases"]
    assert max(phases, key=phases.__getitem__) == phase, phases
    assert LEAST <= phases[phase] <= sum(phases.values()) <= facts["seconds"]


def test_a_response_that_is_slowly_sent_is_in_no_phase(logged: pytest.LogCaptureFixture) -> None:
    """No phase runs after the first byte, so they have no more than the time until then."""
    app = FastAPI()
    app.add_middleware(
        SidelightMiddleware,
        phase_sample_interval=0,
        slow_request_threshold=0.2,
        wait_sample_after=0.05,
    )

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(pieces())

    async def pieces() -> AsyncIterator[str]:
        end = time.monotonic() + MOST
        while (await waited()) < LEAST and time.monotonic() < end:
            yield "piece"
            await asyncio.sleep(STEP)

    async def waited() -> float:
        page: Page = (await ask(app, "GET", "/metrics")).page
        return page.value("fastapi_request_wait_seconds_total", http_route="/stream")

    assert run(ask(app, "GET", "/stream")).status == 200
    (facts,) = slow_requests(logged)
    assert facts["waited"] > 0
    assert sum(facts.get("phases", {}).values()) <= facts["first_byte"]


def test_the_wait_for_the_event_loop_is_a_phase(logged: pytest.LogCaptureFixture) -> None:
    """It is known also of a request that no look has seen."""
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, phase_sample_interval=0, queue_header="x-start")

    @app.get("/")
    async def home() -> None: ...

    assert run(ask(app, headers={"x-start": f"{time.time() - 2:.3f}"})).status == 200
    (facts,) = slow_requests(logged)
    assert facts["phases"]["queue"] == int(facts["queued"] * 1000) / 1000
    assert 2 <= facts["queued"] <= facts["seconds"]


def test_a_slow_request_that_no_look_has_seen_has_no_phases(
    logged: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are left out of its record."""
    monkeypatch.setattr("sidelight.runtime.seen_phases.SeenPhases.add", lambda *_: None)
    app = FastAPI()
    app.add_middleware(SidelightMiddleware, phase_sample_interval=0, slow_request_threshold=0.05)

    @app.get("/")
    async def home() -> None:
        await asyncio.sleep(0.1)

    assert run(ask(app)).status == 200
    (facts,) = slow_requests(logged)
    assert "phases" not in facts
