"""Start and stop, with a server that has a lifespan and with one that has none."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from fastapi.testclient import TestClient

from sidelight import SidelightMiddleware
from sidelight.contract import NANOSECONDS
from sidelight.errors import SettingsError, SidelightError
from sidelight.store.layout import HEARTBEAT
from sidelight.testing.measured_test import measuring
from tests.asgi.driver import Page, ask, call, lifespan, middleware_of, run, scrape

COMPLETE = ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def service(**options: Any) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/x")
    async def x() -> str:
        return "x"

    app.add_middleware(SidelightMiddleware, **options)
    return app


def kinds(sent: list[Any]) -> list[str]:
    return [message["type"] for message in sent]


@pytest.mark.parametrize(
    "bad", [{"slow_request_threshold": 0}, {"nonsense": 1}, {"buckets": [2, 1]}]
)
def test_a_bad_option_stops_the_start(bad: dict[str, Any]) -> None:
    """With a lifespan, a bad option is a failed start with the reason, which is then raised."""
    sent: list[Any] = []

    async def start() -> None:
        async def receive() -> Any:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        await service(**bad)({"type": "lifespan", "asgi": {}, "state": {}}, receive, send)

    with pytest.raises(SettingsError) as raised:
        run(start())
    assert kinds(sent) == ["lifespan.startup.failed"]
    (key,) = bad
    assert sent[0]["message"] == f"SidelightMiddleware: {raised.value}"
    assert f"{key}={bad[key]!r}" in sent[0]["message"]
    assert "for example" in sent[0]["message"]


def test_a_wrong_option_ends_a_test_client() -> None:
    """A TestClient raises a wrong option's reason at once, instead of waiting for ever."""
    with pytest.raises(SettingsError, match="nonsense"), TestClient(service(nonsense=1)):
        raise AssertionError


@pytest.mark.parametrize("started", [True, False])
@pytest.mark.parametrize("broken", ["lifecycle.load", "open_store.open_store"])
def test_only_a_wrong_option_stops_a_start(
    broken: str, *, started: bool, monkeypatch: pytest.MonkeyPatch, logged: pytest.LogCaptureFixture
) -> None:
    """Any other fault of ours is logged, and requests pass through unmeasured."""

    def fail(*_: Any) -> None:
        raise ZeroDivisionError("no option is wrong")

    monkeypatch.setattr(f"sidelight.asgi.{broken}", fail)
    app = service()
    with TestClient(app) if started else nullcontext(TestClient(app)) as client:
        assert client.get("/x").json() == "x"
        assert client.get("/metrics").status_code == (404 if broken == "lifecycle.load" else 200)
    messages = [record.getMessage() for record in logged.records]
    expected = "requests of this worker pass through unmeasured: no option is wrong"
    assert messages.count(expected) == 1


@pytest.mark.parametrize(
    "bad", [{"slow_request_threshold": 0}, {"nonsense": 1}, {"buckets": [2, 1]}]
)
def test_a_bad_option_without_a_lifespan(
    bad: dict[str, Any], logged: pytest.LogCaptureFixture
) -> None:
    """Without a lifespan a bad option is logged once, and everything passes unmeasured."""
    app = service(**bad)
    for _ in range(5):
        assert call(app, "GET", "/x").body == b'"x"'
    assert call(app, "GET", "/metrics").status == 404
    (record,) = logged.records
    assert record.levelno == logging.ERROR
    (key,) = bad
    assert key in record.getMessage()


@pytest.mark.parametrize(
    "options",
    [
        {"slow_request_threshold": object()},
        {"slow_request_threshold": {None: None}},
        {"slow_request_threshold": {"GET /x": []}},
        {"buckets": object()},
        {"buckets": ["x"]},
        {"exclude": 5},
        {"exclude": [None]},
        {"max_series": float("inf")},
        {"max_series": []},
        {"metrics_path": b"/x"},
        {"metrics_token": 5},
        {"directory": 5},
        {"directory": "\0"},
        {"service": None},
        {"log_request_path": "yes"},
        {"": 1},
    ],
)
def test_the_constructor_never_raises(options: dict[str, Any]) -> None:
    """Whatever is given, making the middleware raises nothing, and requests pass."""
    app = service(**options)
    assert call(app, "GET", "/x").status == 200


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("started", [True, False])
def test_a_measured_request_makes_no_blocking_call(
    *, started: bool, shared: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where blocking calls on the event loop raise, requests and the heartbeat are not affected.

    Each request is measured, from the first on, and a scrape shows it.
    """
    monkeypatch.setattr("sidelight.runtime.heartbeat.PERIOD", 0.01)
    monkeypatch.setattr("sidelight.runtime.loop_chores.EVERY", 0.01)
    app = service(**({"directory": str(tmp_path / "store")} if shared else {}))

    @app.get("/wait")
    async def wait() -> None:
        await asyncio.sleep(0.1)

    with TestClient(app) if started else nullcontext(TestClient(app)) as client:  # noqa: SIM117 it stops outside
        with blockbuster_ctx():
            for _ in range(3):
                assert client.get("/x").json() == "x"
            client.get("/wait")
            page = Page(client.get("/metrics").text)
    assert page.routes == {"/x": 3, "/wait": 1}
    assert page.value("process_resident_memory_bytes") > 0
    assert page.value("asyncio_event_loop_lag_seconds_count") > 0
    assert page.by("sidelight_internal_errors_total", "where") == {}


@pytest.mark.parametrize("started", [True, False])
def test_set_up_uses_no_function_that_a_test_replaces(
    monkeypatch: pytest.MonkeyPatch, *, started: bool
) -> None:
    """A module that a test replaces during a request is not used by Sidelight's set-up."""
    app = FastAPI(openapi_url=None)

    @app.get("/x")
    async def x() -> PlainTextResponse:
        return PlainTextResponse("x")

    app.add_middleware(SidelightMiddleware)
    with TestClient(app) if started else nullcontext(TestClient(app)) as client:
        with monkeypatch.context() as patch:
            for name in ("json.dumps", "json.loads", "uuid.uuid4"):
                patch.setattr(name, lambda *_, **__: pytest.fail("it is replaced"))
            assert client.get("/x").text == "x"
        assert Page(client.get("/metrics").text).routes == {"/x": 1}


def test_the_applications_own_lifespan_runs() -> None:
    """Start and stop reach the application, in order, with its state."""
    order: list[str] = []

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[dict[str, int]]:
        order.append("start")
        yield {"number": 5}
        order.append("stop")

    app = FastAPI(lifespan=own)
    app.add_middleware(SidelightMiddleware)

    async def during() -> None:
        order.append("run")
        await ask(app, "GET", "/metrics")

    assert kinds(run(lifespan(app, during))) == COMPLETE
    assert order == ["start", "run", "stop"]


def test_an_application_that_fails_to_start() -> None:
    """What the application says of its own failed start is passed on."""

    @asynccontextmanager
    async def own(app: FastAPI) -> AsyncIterator[None]:
        if app.title:
            raise ZeroDivisionError
        yield

    app = FastAPI(lifespan=own)
    app.add_middleware(SidelightMiddleware)

    async def start() -> list[Any]:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "lifespan.startup"}

        async def send(message: Any) -> None:
            sent.append(message)

        with pytest.raises(ZeroDivisionError):
            await app({"type": "lifespan", "asgi": {}, "state": {}}, receive, send)
        return sent

    assert kinds(run(start())) == ["lifespan.startup.failed"]


def test_an_application_without_a_lifespan() -> None:
    """An application that knows no lifespan says so, as it does without ours."""

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"

    app = SidelightMiddleware(inner)

    async def start() -> None:
        with pytest.raises(AssertionError):
            await app({"type": "lifespan", "asgi": {}}, None, None)  # type: ignore[arg-type] # wrong on purpose

    run(start())


def test_a_process_that_is_alone_counts_on_over_lifespans() -> None:
    """A serverless adapter runs a lifespan for each request: their counts are summed.

    A request after the last lifespan counts too.
    """
    app = service()
    pages: list[Page] = []

    async def during() -> None:
        await ask(app, "GET", "/x")
        pages.append((await ask(app, "GET", "/metrics")).page)

    for _ in range(30):
        assert kinds(run(lifespan(app, during))) == COMPLETE
    assert [page.routes["/x"] for page in pages] == [*range(1, 31)]
    assert pages[-1].by("sidelight_workers", "state") == {"serving": 1}
    call(app, "GET", "/x")
    assert scrape(app).routes == {"/x": 31}
    assert scrape(app).by("sidelight_workers", "state") == {"serving": 1}


def test_a_process_that_answers_a_scrape_is_not_blocked() -> None:
    """Long after its last lifespan, no timer says that it runs: the scrape does."""
    app = service()
    assert kinds(run(lifespan(app))) == COMPLETE
    scrape(app)
    recorder = middleware_of(app).lifecycle.recorder
    assert recorder is not None
    for _ in range(2):
        recorder.file.words[HEARTBEAT] -= 60 * NANOSECONDS
        recorder.heartbeat.due -= 60 * NANOSECONDS
        page = scrape(app)
        assert page.by("sidelight_workers", "state") == {"serving": 1}
        assert page.value("sidelight_worker_heartbeat_age_seconds") < 60


def test_the_fixture_for_tests_does_not_see_an_earlier_lifespan() -> None:
    """Within `sidelight_metrics` an application that ran before begins at zero."""
    app = service()

    async def during() -> None:
        await ask(app, "GET", "/x")

    run(lifespan(app, during))
    with measuring():
        call(app, "GET", "/x")
        assert scrape(app).routes == {"/x": 1}


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "yes", "on"])
def test_disabled(value: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """SIDELIGHT_DISABLED turns everything off: no page, no file, no complaint."""
    monkeypatch.setenv("SIDELIGHT_DISABLED", value)
    where = tmp_path / "store"
    app = service(slow_request_threshold=-1, directory=str(where))
    assert kinds(run(lifespan(app))) == COMPLETE
    assert call(app, "GET", "/x").status == 200
    assert call(app, "GET", "/metrics").status == 404
    assert not where.exists()


@pytest.mark.parametrize("value", ["", "0", "false", "no"])
def test_not_disabled(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any other value leaves it on."""
    monkeypatch.setenv("SIDELIGHT_DISABLED", value)
    assert scrape(service()).value("sidelight_workers") == 1


def test_nothing_at_import_or_construction(tmp_path: Path) -> None:
    """A middleware that was made and never called has made no file."""
    where = tmp_path / "store"
    service(directory=str(where))
    SidelightMiddleware(service(), directory=str(where))
    assert not where.exists()


def test_a_clean_stop_leaves_what_was_counted(tmp_path: Path) -> None:
    """In a directory that the operator named, numbers outlive a clean stop."""
    where = str(tmp_path / "store")
    app = service(directory=where)

    async def during() -> None:
        await ask(app, "GET", "/x")

    run(lifespan(app, during))
    later = service(directory=where)
    pages: list[Page] = []

    async def look() -> None:
        pages.append((await ask(later, "GET", "/metrics")).page)

    run(lifespan(later, look))
    assert pages[0].routes == {"/x": 1}
    assert pages[0].by("sidelight_worker_exits_total", "how") == {"clean": 1}


@pytest.mark.parametrize("named", [True, False])
def test_exits_are_counted_from_the_start(tmp_path: Path, *, named: bool) -> None:
    """The first page says that no worker has ended, so the first that does is an increase."""
    app = service(directory=str(tmp_path / "store")) if named else service()
    pages: list[Page] = []

    async def look() -> None:
        pages.append((await ask(app, "GET", "/metrics")).page)

    run(lifespan(app, look))
    name = "sidelight_worker_exits_total"
    found = {pairs: value for (of, pairs), value in pages[0].samples.items() if of == name}
    assert found == {frozenset({("how", "clean")}): 0, frozenset({("how", "died")}): 0}


def test_other_scopes_pass() -> None:
    """A scope of a type that nobody knows yet reaches the application."""
    seen: list[Any] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    app = SidelightMiddleware(inner)

    async def pass_through() -> None:
        for _ in range(2):
            await app({"type": "webtransport"}, None, None)  # type: ignore[arg-type] # wrong on purpose
            await ask(app)

    run(pass_through())
    assert seen == ["webtransport", "http", "webtransport", "http"]


def test_errors_have_one_base() -> None:
    """What Sidelight raises itself can be told from all else."""
    assert issubclass(SettingsError, SidelightError)
